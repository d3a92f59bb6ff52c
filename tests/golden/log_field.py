#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One template edited, and every generated struct has a new field in its logging.

    log_field.py BUILD_FOLDER
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from generator import ROOT, make_tree, run

HERE = pathlib.Path(__file__).resolve().parent
LIBRARIES = ("rpc", "codec", "base")
SYSTEM = ("-lgrpc -lgpr -lprotobuf-c -lyajl -lpcre2-8 -lssl -lcrypto -luv -lm -lpthread").split()

# What the guide says to write there; docs/generator.md has the same line.
LINE = 'buf_printf(out, "\\"type\\":\\"%s\\"", type);'
OLD = "(void)out;\n    (void)type;"

DRIVER = r"""
#include "codec/redact.h"
#include "generated/news.h"
#include "generated/shop.h"
#include "generated/zoo.h"
#include <stdio.h>

int main(void) {
    struct shop_order_address address = SHOP_ORDER_ADDRESS_INIT;
    struct shop_order order = SHOP_ORDER_INIT;
    struct shop_nothing nothing = SHOP_NOTHING_INIT;
    struct zoo_animal animal = {.name = STR("Bo")};
    struct zoo_list_input none = {0};
    struct buf out;
    buf_init(&out, 10000);
    order.card = (char[]){"4711"};
    order.address = &address;
    shop_order_redact(&out, &order);
    buf_putc(&out, '\n');
    shop_nothing_redact(&out, &nothing);
    buf_putc(&out, '\n');
    codec_redact(&out, &zoo_animal_shape, &animal);
    buf_putc(&out, '\n');
    codec_redact(&out, &zoo_list_input_shape, &none);
    printf(STR_FMT "\n", STR_ARG(buf_str(&out)));
    buf_free(&out);
    return 0;
}
"""


def logged(folder, edit):
    """What the driver logs, with the generator's templates edited or not."""
    codegen = folder / "codegen"
    shutil.copytree(ROOT / "codegen", codegen, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".clang-format", folder)
    if edit:
        template = codegen / "templates" / "log_fields.j2"
        text = template.read_text()
        assert text.count(OLD) == 1, text
        template.write_text(text.replace(OLD, LINE))
    generated = folder / "generated"
    generated.mkdir()
    for case in ("proto", "aws"):
        tree = make_tree(folder / case, HERE / case / "idl")
        subprocess.run([sys.executable, str(codegen / "generate.py"), "--root", str(tree)],
                       check=True, stdout=subprocess.DEVNULL)
        for file in (tree / "generated").iterdir():
            shutil.copy(file, generated)
    (folder / "driver.c").write_text(DRIVER)
    sources = [folder / "driver.c", *(generated / name for name in (
        "shop.c", "shop.pb-c.c", "shop_descriptor.c", "zoo_shapes.c", "news_shapes.c"))]
    build = pathlib.Path(sys.argv[1])
    subprocess.run([os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra",
                    "-Werror", f"-I{folder}", f"-I{ROOT / 'src'}", "-o", str(folder / "driver"),
                    *map(str, sources), *(str(build / f"lib{name}.a") for name in LIBRARIES),
                    *SYSTEM], check=True)
    text = subprocess.run([str(folder / "driver")], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in text.splitlines()]


def one_template_reaches_every_struct():
    """Messages and shapes, nested and empty ones, have the field; without the edit none has"""
    before = [{"card": "***", "address": {}}, {}, {"Name": "Bo"}, {}]
    after = [{"type": "test.shop.Order", "card": "***",
              "address": {"type": "test.shop.Order.Address"}}, {"type": "test.shop.Nothing"},
             {"type": "Animal", "Name": "Bo"}, {"type": "ListInput"}]
    for edit, wanted in ((False, before), (True, after)):
        with tempfile.TemporaryDirectory() as tmp:
            got = logged(pathlib.Path(tmp), edit)
            assert got == wanted, got


def the_guide_says_so():
    """docs/generator.md gives the template and the line"""
    text = (ROOT / "docs" / "generator.md").read_text()
    assert "codegen/templates/log_fields.j2" in text and LINE in text


if __name__ == "__main__":
    run([one_template_reaches_every_struct, the_guide_says_so])
