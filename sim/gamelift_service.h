// SPDX-License-Identifier: Apache-2.0
/* The stand-in GameLift on the wire: signature, protocol, constraints, faults, operations. */
#ifndef SIM_GAMELIFT_SERVICE_H
#define SIM_GAMELIFT_SERVICE_H

#include "sim/gamelift.h"

/* For sim_add; gl must outlive the sim. It takes every request for "/" that AWS clients send. */
struct sim_service gamelift_service(struct gamelift *gl);

/* The part of the control interface that is about GameLift: see control.h. */
struct sim_service gamelift_control(struct gamelift *gl);

#endif
