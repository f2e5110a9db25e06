// Package mosquitto holds the configuration and the access list for mosquitto 2
// that are shipped beside it, for whoever writes them out with other paths.
package mosquitto

import _ "embed"

// Conf is mosquitto.conf, with the paths of the Debian package.
//
//go:embed mosquitto.conf
var Conf string

// ACL is the access list.
//
//go:embed acl
var ACL string
