package outbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// FS is the one directory an outbox lives in, as the outbox sees it. DirFS is
// the real one; a test puts a file system that fails, tears or forgets in
// front of it. Names are plain file names without a folder.
type FS interface {
	// Create makes a new file of size bytes, its space reserved so that
	// writing inside it needs no new blocks; it fails if the name exists.
	Create(name string, size int64) (File, error)
	// Open opens an existing file for reading and writing, or for reading alone
	// when the file system has become read-only.
	Open(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// List names every file in the directory, in any order.
	List() ([]string, error)
	// SyncDir makes creations, renames and removals durable.
	SyncDir() error
	// Free is how many bytes and files the file system has left for programs
	// without privileges, math.MaxInt64 where there is no such bound.
	Free() (bytes, files int64, err error)
}

// File is one segment. ReadAt and WriteAt may be called from several
// goroutines at once.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync makes written data durable (fdatasync where there is one).
	Sync() error
	Size() (int64, error)
}

// DirFS returns the FS of a real directory.
func DirFS(dir string) FS { return dirFS(dir) }

type dirFS string

func (d dirFS) path(name string) string { return filepath.Join(string(d), name) }

func (d dirFS) Create(name string, size int64) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := allocate(f, size); err != nil {
		return nil, errors.Join(fmt.Errorf("reserve %d bytes for %q: %w", size, name, err), f.Close(), os.Remove(f.Name()))
	}
	return osFile{f}, nil
}

func (d dirFS) Open(name string) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR, 0)
	if errors.Is(err, syscall.EROFS) {
		f, err = os.OpenFile(d.path(name), os.O_RDONLY, 0)
	}
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d dirFS) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }
func (d dirFS) Remove(name string) error     { return os.Remove(d.path(name)) }

func (d dirFS) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

func (d dirFS) SyncDir() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d dirFS) Free() (bytes, files int64, err error) { return statFree(string(d)) }

type osFile struct{ *os.File }

func (f osFile) Sync() error { return datasync(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
