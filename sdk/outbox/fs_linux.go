package outbox

import (
	"errors"
	"fmt"
	"math"
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

func statFree(dir string) (bytes, files int64, err error) {
	var st unix.Statfs_t
	for {
		if err = unix.Statfs(dir, &st); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("ask for the room left in %q: %w", dir, err)
	}
	bytes, files = int64(st.Bavail)*int64(st.Bsize), int64(st.Ffree)
	if st.Files == 0 { // btrfs and others make inodes as they are needed
		files = math.MaxInt64
	}
	return bytes, files, nil
}

func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
