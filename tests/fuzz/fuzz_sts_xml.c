// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what a credentials endpoint answers: STS's XML, the JSON document, the time in it,
 * and the address of a container's endpoint. What must hold: no overrun, errors are one line
 * without the text, and what is accepted is whole.
 *
 * Input: one byte that chooses the reader, then the text.
 */
#include "aws/credentials_container.h"
#include "aws/credentials_document.h"
#include "aws/sts_xml.h"
#include "base/obj.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_err(const struct err *err) {
    ASSERT(err->msg.n > 0 && err->msg.n < 200 && str_find(err->msg, '\n') == err->msg.n);
}

static void check_xml(struct arena *a, struct str text) {
    struct sts_answer answer;
    struct err *err = sts_xml_parse(a, text, &answer);
    if (err != NULL) {
        check_err(err);
        return;
    }
    ASSERT(answer.session_token.n <= text.n);
    ASSERT(str_eq(str_trim(answer.error_message), answer.error_message));
}

static void check_document(struct arena *a, struct str text, unsigned options) {
    const struct aws_document_rules rules = {
        .session_token = (options & 4) != 0,
        .version = (options & 8) != 0,
        .needs_token = (options & 16) != 0,
        .needs_expiry = (options & 32) != 0,
    };
    struct aws_credentials c;
    struct err *err = aws_document_parse(a, arena_str(a, text), &rules, &c);
    if (err != NULL) {
        check_err(err);
        return;
    }
    ASSERT(c.access_key_id.n > 0 && secret_present(&c.secret_access_key));
    ASSERT(!rules.needs_token || secret_present(&c.session_token));
    ASSERT(!rules.needs_expiry || c.expiry_ms != AWS_CREDENTIALS_NEVER);
    aws_credentials_clear(&c);
}

static void check_uri(struct str text) {
    bool local;
    if (aws_container_uri_fault(text, &local) != NULL)
        return;
    ASSERT(local == !str_eq_nocase(str_sub(text, 0, 5), STR("https")));
    ASSERT(str_find(text, '\\') == text.n && str_find(text, ' ') == text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char empty[1];
    int64_t ms = -1;
    struct str code, message;
    if (size == 0)
        return 0;
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct str text = str_n(size > 1 ? (const char *)data + 1 : empty, size - 1);
    switch (data[0] % 4) {
    case 0:
        check_xml(a, text);
        break;
    case 1:
        check_document(a, text, data[0]);
        aws_document_fault(a, text, &code, &message);
        ASSERT(code.n <= 100 && message.n <= 512);
        break;
    case 2:
        ASSERT(aws_expiry_parse(text, &ms) == (ms != -1));
        break;
    default:
        check_uri(text);
    }
    arena_free(a);
    return 0;
}
