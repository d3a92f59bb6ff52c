// SPDX-License-Identifier: Apache-2.0
#include "sim/gamelift_world.h"

#include "base/obj.h"
#include "sim/json.h"

#define MAX_DELAY_MS ((int64_t)3600 * 1000)
#define MAX_ENTRIES 1000

const char gamelift_world_example[] =
    "{\"home_region\": \"us-east-1\",\n"
    " \"fleets\": [{\"id\": \"fleet-demo\", \"locations\": [\n"
    "   {\"name\": \"us-east-1\", \"capacity\": 100},\n"
    "   {\"name\": \"us-west-2\", \"capacity\": 0},\n"
    "   {\"name\": \"eu-central-1\", \"capacity\": 100}]}],\n"
    " \"aliases\": [{\"id\": \"alias-demo\", \"fleet\": \"fleet-demo\"},\n"
    "   {\"id\": \"alias-closed\", \"terminal\": \"This version of the game has ended.\"}],\n"
    " \"queues\": [{\"name\": \"demo-queue\", \"destinations\": [\"alias-demo\"],\n"
    "   \"timeout_ms\": 10000}]}";

struct str gamelift_partition(struct str region) {
    if (str_starts(region, STR("cn-")))
        return STR("aws-cn");
    return str_starts(region, STR("us-gov-")) ? STR("aws-us-gov") : STR("aws");
}

struct gamelift_fleet *gamelift_world_fleet(const struct gamelift_world *world, struct str id) {
    for (size_t i = 0; i < world->n_fleets; i++)
        if (str_eq(world->fleets[i].id, id))
            return &world->fleets[i];
    return NULL;
}

struct gamelift_alias *gamelift_world_alias(const struct gamelift_world *world, struct str id) {
    for (size_t i = 0; i < world->n_aliases; i++)
        if (str_eq(world->aliases[i].id, id))
            return &world->aliases[i];
    return NULL;
}

struct gamelift_location *gamelift_fleet_location(const struct gamelift_fleet *fleet,
                                                  struct str name) {
    for (size_t i = 0; i < fleet->n_locations; i++)
        if (str_eq(fleet->locations[i].name, name))
            return &fleet->locations[i];
    return NULL;
}

bool gamelift_world_has_location(const struct gamelift_world *world, struct str name) {
    for (size_t i = 0; i < world->n_fleets; i++)
        if (gamelift_fleet_location(&world->fleets[i], name) != NULL)
            return true;
    return false;
}

void gamelift_world_reset(struct gamelift_world *world) {
    for (size_t i = 0; i < world->n_fleets; i++) {
        struct gamelift_fleet *fleet = &world->fleets[i];
        fleet->status = fleet->first_status;
        for (size_t k = 0; k < fleet->n_locations; k++) {
            fleet->locations[k].capacity = fleet->first_capacities[k];
            fleet->locations[k].in_use = 0;
        }
    }
}

static size_t list_len(yajl_val list) {
    return list == NULL ? 0 : list->u.array.len;
}

static struct err *read_location(yajl_val v, struct gamelift_location *l, struct arena *a) {
    const struct sim_json_field fields[] = {
        {.name = "name", .kind = SIM_JSON_STR, .ret = &l->name, .required = true},
        {.name = "capacity", .kind = SIM_JSON_INT, .ret = &l->capacity, .max = INT32_MAX},
    };
    l->capacity = 10;
    return sim_json_read(v, "location", fields, ARRAY_LEN(fields), a);
}

static struct err *read_fleet(yajl_val v, struct gamelift_world *world, struct gamelift_fleet *f,
                              struct arena *a) {
    yajl_val locations = NULL;
    const struct sim_json_field fields[] = {
        {.name = "id", .kind = SIM_JSON_STR, .ret = &f->id, .required = true},
        {.name = "region", .kind = SIM_JSON_STR, .ret = &f->region},
        {.name = "status", .kind = SIM_JSON_STR, .ret = &f->status},
        {.name = "anywhere", .kind = SIM_JSON_BOOL, .ret = &f->anywhere},
        {.name = "locations", .kind = SIM_JSON_LIST, .ret = &locations, .required = true},
    };
    f->region = world->home_region;
    f->status = STR("ACTIVE");
    struct err *err = sim_json_read(v, "fleet", fields, ARRAY_LEN(fields), a);
    if (err != NULL)
        return err;
    if (gamelift_world_fleet(world, f->id) != NULL)
        return ERR_INVALID(a, "there are two fleets %s; ids are unique over all regions", f->id.p);
    f->n_locations = list_len(locations);
    if (f->n_locations == 0 || f->n_locations > MAX_ENTRIES)
        return ERR_INVALID(a, "fleet.locations must have 1 to %d entries", MAX_ENTRIES);
    f->locations = arena_array(a, f->n_locations, sizeof *f->locations);
    f->first_capacities = arena_array(a, f->n_locations, sizeof *f->first_capacities);
    f->first_status = f->status;
    f->arn = arena_printf(a, "arn:" STR_FMT ":gamelift:" STR_FMT ":" STR_FMT ":fleet/" STR_FMT,
                          STR_ARG(gamelift_partition(f->region)), STR_ARG(f->region),
                          STR_ARG(world->account), STR_ARG(f->id));
    for (size_t i = 0; i < f->n_locations; i++) {
        err = read_location(locations->u.array.values[i], &f->locations[i], a);
        if (err != NULL)
            return err;
        f->first_capacities[i] = f->locations[i].capacity;
    }
    return NULL;
}

static struct err *read_alias(yajl_val v, struct gamelift_world *world,
                              struct gamelift_alias *alias, struct arena *a) {
    struct str fleet = STR_NULL;
    const struct sim_json_field fields[] = {
        {.name = "id", .kind = SIM_JSON_STR, .ret = &alias->id, .required = true},
        {.name = "region", .kind = SIM_JSON_STR, .ret = &alias->region},
        {.name = "fleet", .kind = SIM_JSON_STR, .ret = &fleet},
        {.name = "terminal", .kind = SIM_JSON_STR, .ret = &alias->terminal},
    };
    alias->region = world->home_region;
    struct err *err = sim_json_read(v, "alias", fields, ARRAY_LEN(fields), a);
    if (err != NULL)
        return err;
    if ((fleet.p == NULL) == (alias->terminal.p == NULL))
        return ERR_INVALID(a, "alias %s needs either fleet or terminal", alias->id.p);
    alias->fleet = fleet.p == NULL ? NULL : gamelift_world_fleet(world, fleet);
    if (fleet.p != NULL && alias->fleet == NULL)
        return ERR_INVALID(a, "alias %s: there is no fleet %s", alias->id.p, fleet.p);
    alias->arn = arena_printf(a, "arn:" STR_FMT ":gamelift:" STR_FMT "::alias/" STR_FMT,
                              STR_ARG(gamelift_partition(alias->region)), STR_ARG(alias->region),
                              STR_ARG(alias->id));
    return NULL;
}

static struct err *read_destinations(yajl_val list, struct gamelift_world *world,
                                     struct gamelift_queue *q, struct arena *a) {
    q->fleets = arena_array(a, list_len(list), sizeof *q->fleets);
    for (size_t i = 0; i < list_len(list); i++) {
        struct str id = str_c(YAJL_GET_STRING(list->u.array.values[i]));
        const struct gamelift_alias *alias = gamelift_world_alias(world, id);
        struct gamelift_fleet *fleet =
            alias != NULL ? alias->fleet : gamelift_world_fleet(world, id);
        if (fleet == NULL)
            return ERR_INVALID(a, "queue %s: destination %zu is no fleet and no active alias",
                               q->name.p, i);
        q->fleets[q->n_fleets++] = fleet;
    }
    return NULL;
}

static struct err *read_queue(yajl_val v, struct gamelift_world *world, struct gamelift_queue *q,
                              struct arena *a) {
    yajl_val destinations = NULL;
    yajl_val order = NULL;
    const struct sim_json_field fields[] = {
        {.name = "name", .kind = SIM_JSON_STR, .ret = &q->name, .required = true},
        {.name = "region", .kind = SIM_JSON_STR, .ret = &q->region},
        {.name = "destinations", .kind = SIM_JSON_LIST, .ret = &destinations, .required = true},
        {.name = "locations", .kind = SIM_JSON_LIST, .ret = &order},
        {.name = "timeout_ms", .kind = SIM_JSON_INT, .ret = &q->timeout_ms, .max = MAX_DELAY_MS},
    };
    q->region = world->home_region;
    q->timeout_ms = 600000; /* GameLift's default */
    struct err *err = sim_json_read(v, "queue", fields, ARRAY_LEN(fields), a);
    if (err != NULL)
        return err;
    q->order = arena_array(a, list_len(order), sizeof *q->order);
    for (size_t i = 0; i < list_len(order); i++) {
        q->order[i] = str_c(YAJL_GET_STRING(order->u.array.values[i]));
        if (q->order[i].p == NULL)
            return ERR_INVALID(a, "queue.locations must hold strings");
    }
    q->n_order = list_len(order);
    q->arn = arena_printf(
        a, "arn:" STR_FMT ":gamelift:" STR_FMT ":" STR_FMT ":gamesessionqueue/" STR_FMT,
        STR_ARG(gamelift_partition(q->region)), STR_ARG(q->region), STR_ARG(world->account),
        STR_ARG(q->name));
    return read_destinations(destinations, world, q, a);
}

static struct err *read_lists(yajl_val fleets, yajl_val aliases, yajl_val queues,
                              struct gamelift_world *w, struct arena *a) {
    struct err *err = NULL;
    if (list_len(fleets) > MAX_ENTRIES || list_len(aliases) > MAX_ENTRIES ||
        list_len(queues) > MAX_ENTRIES)
        return ERR_INVALID(a, "world: more than %d fleets, aliases or queues", MAX_ENTRIES);
    w->fleets = arena_array(a, list_len(fleets), sizeof *w->fleets);
    w->aliases = arena_array(a, list_len(aliases), sizeof *w->aliases);
    w->queues = arena_array(a, list_len(queues), sizeof *w->queues);
    for (; err == NULL && w->n_fleets < list_len(fleets); w->n_fleets++)
        err = read_fleet(fleets->u.array.values[w->n_fleets], w, &w->fleets[w->n_fleets], a);
    for (; err == NULL && w->n_aliases < list_len(aliases); w->n_aliases++)
        err = read_alias(aliases->u.array.values[w->n_aliases], w, &w->aliases[w->n_aliases], a);
    for (; err == NULL && w->n_queues < list_len(queues); w->n_queues++)
        err = read_queue(queues->u.array.values[w->n_queues], w, &w->queues[w->n_queues], a);
    return err;
}

struct err *gamelift_world_read(struct str json, struct arena *a, struct gamelift_world **ret) {
    struct gamelift_world *w = ARENA_NEW(a, struct gamelift_world);
    yajl_val tree = NULL;
    yajl_val fleets = NULL;
    yajl_val aliases = NULL;
    yajl_val queues = NULL;
    *w = (struct gamelift_world){.account = STR("123456789012"),
                                 .activation_ms = 200,
                                 .termination_ms = 200,
                                 .placement_ms = 300,
                                 .max_sessions = 20000};
    const struct sim_json_field fields[] = {
        {.name = "home_region", .kind = SIM_JSON_STR, .ret = &w->home_region, .required = true},
        {.name = "account", .kind = SIM_JSON_STR, .ret = &w->account},
        {.name = "activation_ms",
         .kind = SIM_JSON_INT,
         .ret = &w->activation_ms,
         .max = MAX_DELAY_MS},
        {.name = "termination_ms",
         .kind = SIM_JSON_INT,
         .ret = &w->termination_ms,
         .max = MAX_DELAY_MS},
        {.name = "placement_ms",
         .kind = SIM_JSON_INT,
         .ret = &w->placement_ms,
         .max = MAX_DELAY_MS},
        {.name = "max_sessions",
         .kind = SIM_JSON_INT,
         .ret = &w->max_sessions,
         .min = 1,
         .max = 1000000},
        {.name = "address_after_activation",
         .kind = SIM_JSON_BOOL,
         .ret = &w->address_after_activation},
        {.name = "fleets", .kind = SIM_JSON_LIST, .ret = &fleets, .required = true},
        {.name = "aliases", .kind = SIM_JSON_LIST, .ret = &aliases},
        {.name = "queues", .kind = SIM_JSON_LIST, .ret = &queues},
    };
    struct err *err = sim_json_parse(json, a, &tree);
    if (err == NULL)
        err = sim_json_read(tree, "world", fields, ARRAY_LEN(fields), a);
    if (err == NULL)
        err = read_lists(fleets, aliases, queues, w, a);
    if (err == NULL)
        *ret = w;
    return err;
}
