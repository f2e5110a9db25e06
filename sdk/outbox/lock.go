package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or another Queue in this one, owns
// the directory.
var ErrLocked = errors.New("outbox is in use by another process")

// lockDir takes an advisory lock on the directory itself: it ends with its
// owner, so nobody ever has to remove a stale lock file.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("open outbox %q: %w", dir, ErrLocked)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// unlockDir gives the lock back. Closing alone leaves it for a moment to a child
// that is just being forked, which shares the open file until it runs its own
// program.
func unlockDir(f *os.File) error {
	return errors.Join(unix.Flock(int(f.Fd()), unix.LOCK_UN), f.Close())
}

// makeDir makes the directory, or refuses one that others may read.
func makeDir(dir string) error {
	if err := makeDurably(dir); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("outbox %q is not a directory", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("outbox %q has mode %04o, readable by others; mend it with: chmod 700 %q", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// makeDurably makes a directory, and those above it that are missing, and their
// names durable: what is promised of files is worth nothing without them.
func makeDurably(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDurably(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return dirFS(above).SyncDir()
}
