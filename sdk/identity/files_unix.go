//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package identity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// openNonblock keeps a named pipe in the place of a file from blocking for ever.
const openNonblock = syscall.O_NONBLOCK

func checkOwner(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("identity: the owner of %q cannot be told", path)
	}
	if uid := os.Geteuid(); int(stat.Uid) != uid {
		return &hintError{
			text: fmt.Sprintf("identity: %q belongs to another user (uid %d, running as uid %d)", path, stat.Uid, uid),
			hint: fmt.Sprintf("chown %d %s", uid, shellQuote(path)),
			err:  fs.ErrPermission,
		}
	}
	return nil
}

// lock takes the exclusive lock of an open file, which ends with its
// descriptor, however the process ends. It does not wait. Use unlock to give it
// back.
func lock(f *os.File, hint string) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return &hintError{
				text: fmt.Sprintf("identity: %q is in use by another process", f.Name()),
				hint: hint,
				err:  ErrInUse,
			}
		case err != nil:
			return fmt.Errorf("identity: locking %q: %w", f.Name(), err)
		default:
			return nil
		}
	}
}

// unlock gives the lock back and closes the file. Closing alone leaves the lock
// for a moment to a child that is just being forked, which shares the open file
// until it runs its own program.
func unlock(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
