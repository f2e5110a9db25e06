package machine

import (
	"errors"
	"fmt"
	"io"
)

// Archive writes a cpio archive of the format "newc" (cpio(5), and the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst), which is what an
// initramfs is. Folders come before what is in them.
type Archive struct {
	w     io.Writer
	inode uint32
	err   error // the first, which all later calls return
}

// Modes of entries, as in stat(2).
const (
	modeFolder  = 0o040755
	modeFile    = 0o100644
	modeProgram = 0o100755
	modeDevice  = 0o020600 // of characters

	trailer = "TRAILER!!!"
)

// NewArchive returns an archive that is written to w. Close ends it and leaves w
// open.
func NewArchive(w io.Writer) *Archive { return &Archive{w: w} }

// Folder adds a folder, "dev".
func (a *Archive) Folder(name string) error { return a.entry(name, modeFolder, 1, 0, 0, nil) }

// File adds a file that is read.
func (a *Archive) File(name string, content []byte) error {
	return a.entry(name, modeFile, 1, 0, 0, content)
}

// Program adds a file that is run.
func (a *Archive) Program(name string, content []byte) error {
	return a.entry(name, modeProgram, 1, 0, 0, content)
}

// Device adds a character device with its numbers.
func (a *Archive) Device(name string, major, minor uint32) error {
	return a.entry(name, modeDevice, 1, major, minor, nil)
}

// Close writes the end.
func (a *Archive) Close() error { return a.entry(trailer, 0, 1, 0, 0, nil) }

// entry writes a header of 110 bytes (a magic number and 13 numbers of eight
// hexadecimal digits), the name with a NUL, and the content; name and content are
// each padded to a multiple of four bytes, counted with the header.
func (a *Archive) entry(name string, mode, links, major, minor uint32, content []byte) error {
	if a.err != nil {
		return a.err
	}
	if name == "" || name[0] == '/' {
		return fmt.Errorf("entry %q of an archive is not a relative path", name)
	}
	if uint64(len(content)) > 1<<32-1 {
		return errors.New("content does not fit an archive")
	}
	a.inode++
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, links, 0, len(content), 0, 0, major, minor, len(name)+1, 0, name)
	a.write([]byte(header))
	a.write(padding(len(header)))
	a.write(content)
	a.write(padding(len(content)))
	return a.err
}

func (a *Archive) write(p []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(p)
	}
}

func padding(length int) []byte { return make([]byte, -length&3) }
