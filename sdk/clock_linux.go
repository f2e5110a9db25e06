package sdk

import (
	"golang.org/x/sys/unix"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// clockError returns the kernel's bound on the error of the wall clock in
// milliseconds, or seal.NoBound when nothing disciplines it.
func clockError() uint32 {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil || state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0 {
		return seal.NoBound
	}
	return uint32(min(max(int64(t.Maxerror)/1000+1, 1), int64(seal.NoBound)-1))
}
