package sdktest

import (
	"testing"
	"time"
	"unsafe"
)

// MovedClock is the time that time.Now gives once the wall clock has been set by so
// many whole seconds: what at says of the monotonic clock stays. No function of
// package time makes one.
func MovedClock(t testing.TB, at time.Time, by time.Duration) time.Time {
	t.Helper()
	to := at
	(*[2]uint64)(unsafe.Pointer(&to))[0] += uint64(by/time.Second) << 30 // time.Time.wall: seconds above 30 bits of nanoseconds
	if to.Sub(at) != 0 || to.Round(0).Sub(at.Round(0)) != by {
		t.Fatal("time.Time of this Go is laid out in another way: this is to be adapted")
	}
	return to
}
