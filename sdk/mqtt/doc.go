// Package mqtt carries sealed messages over MQTT 3.1.1 (OASIS Standard, 2014)
// and mutual TLS 1.3, and nothing else: no plaintext scheme, no password, no
// older TLS, no proxy taken from the environment, no system roots.
//
// # Words
//
//   - broker: the MQTT server. It is not trusted with content; what it carries
//     is sealed.
//   - [Publisher]: takes messages from a [Source], usually a durable outbox, and
//     publishes them with QoS 1. PUBACK is the broker's word that it took one;
//     only then is [Source].Done called.
//   - [Subscriber]: receives with QoS 1 in a session the broker keeps for it.
//     A message is acknowledged by [Received.Ack], after the durable commit.
//   - window: how many messages may be unacknowledged at a time.
//   - [Topic]: the names vs1/{site}/{gateway}/..., built and parsed strictly.
//
// # What is promised
//
// At least once, end to end: the Source keeps a message until PUBACK, the
// broker keeps it until the Subscriber's acknowledgement. Doubles happen at
// every lost connection; receivers tell them by sequence number. A broker that
// loses what it acknowledged (mosquitto killed between two saves) shows at the
// receiver as a gap in the sealed chain.
//
// An MQTT 3.1.1 broker has no way to refuse a publish: mosquitto answers one
// that its access list denies with a PUBACK and drops it. So a wrong access
// list looks like success to a gateway, and only a receiver sees the silence.
//
// nats-server's MQTT listener loses nothing that it acknowledged when it is
// killed, and differs in other ways that scripts/nats/nats.conf lists.
//
// # How paho is used
//
// The Source is the only truth and paho.mqtt.golang is a wire: one fresh paho
// client for each connection, no automatic reconnect (a resumed paho client
// completes QoS 1 tokens that never saw a PUBACK), no retry with MQTT 3.1, no
// file store. Every inbound packet passes a guard before paho reads it: type,
// flags and announced length are checked first, because paho allocates
// whatever length a broker announces, panics on a SUBACK with more codes than
// were asked for, completes a publish token on a SUBACK or PUBCOMP with its
// number, and takes a CONNACK code above 5 for success.
package mqtt
