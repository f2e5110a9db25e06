// Package nats holds the configuration and the access list for nats-server's MQTT
// listener that are shipped beside it, for whoever writes them out with other
// paths and names.
package nats

import _ "embed"

// Conf is nats.conf. It includes Users by the name "users.conf".
//
//go:embed nats.conf
var Conf string

// Users is the access list, with one gateway "gw-1" and one receiver "station" of
// the site "ward-3".
//
//go:embed users.conf
var Users string
