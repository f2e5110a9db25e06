package identity_test

import (
	"os"
	"syscall"
	"testing"
)

// flock holds the lock of a file until the test is over.
func flock(t *testing.T, f *os.File) {
	t.Helper()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}
