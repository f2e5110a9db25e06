package outbox

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate reserves blocks, so that a full disk is met when a segment is made
// and not in the middle of a commit.
func allocate(f *os.File, size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP):
			return f.Truncate(size)
		default:
			return err
		}
	}
}

func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
