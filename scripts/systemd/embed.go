// Package systemd holds the unit that is shipped beside it, for whoever prints it.
package systemd

import _ "embed"

// Unit is vitalseal.service, for the paths that the README names.
//
//go:embed vitalseal.service
var Unit string
