//go:build !linux

package sdk

import "github.com/vitalseal/vitalseal/sdk/core/seal"

// clockError returns seal.NoBound: only Linux is asked.
func clockError() uint32 { return seal.NoBound }
