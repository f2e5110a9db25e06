/* Go-back-N over the ring of data frames that are not acknowledged. */
#ifndef VITALSEAL_LINK_FLIGHT_H
#define VITALSEAL_LINK_FLIGHT_H

#include "vitalseal/link.h"

/* Sends all again that is kept, after acceptance. */
void vs_flight_begin(struct vs_link_sensor *s);

/* Sends again from the oldest frame. */
void vs_flight_rewind(struct vs_link_sensor *s);

/* When there is a frame to send; UINT64_MAX: not until an acknowledgement. */
uint64_t vs_flight_due(const struct vs_link_sensor *s);

/* Sends the next frame, or the oldest when the time to wait is over. It is due. */
size_t vs_flight_send(struct vs_link_sensor *s, uint8_t *dst, size_t cap, uint64_t now);

/* Takes an acknowledgement. */
void vs_flight_ack(struct vs_link_sensor *s, uint32_t next, uint64_t now);

#endif
