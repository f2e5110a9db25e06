package identity

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds what is read of any file here: a roster of a thousand devices
// and a hundred recipients takes 300 kB.
const maxFile = 4 << 20

const (
	modeSecret = 0o600
	modePublic = 0o644
	modeDir    = 0o700
)

// readSecret reads a file that must be closed to group and others and belong to
// this user, in a directory that others cannot write.
func readSecret(path string) ([]byte, error) {
	f, err := openSecret(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path)
}

// readPublic reads a file whose contents are public or prove themselves.
func readPublic(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	defer f.Close()
	return readAll(f, path)
}

func readAll(f *os.File, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("identity: %q is larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// openSecret checks what it has opened and not what is at the path, so that the
// file cannot be exchanged between the check and its use.
func openSecret(path string, flag int) (*os.File, error) {
	if err := checkDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, flag|openNonblock, 0)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	info, err := f.Stat()
	if err == nil {
		err = checkSecret(path, info)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func checkSecret(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("identity: %q is not a regular file", path)
	}
	mode := info.Mode().Perm()
	if mode&0o077 != 0 {
		return looseError(path, mode, "600")
	}
	return checkOwner(path, info)
}

func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return looseError(dir, mode, "700")
	}
	return nil
}

func looseError(path string, mode fs.FileMode, want string) error {
	verb := "read"
	if mode&0o044 == 0 || want == "700" {
		verb = "written"
		if mode&0o022 == 0 {
			verb = "run"
		}
	}
	return &hintError{
		text: fmt.Sprintf("identity: %q can be %s by others (mode %04o)", path, verb, mode),
		hint: "chmod " + want + " " + shellQuote(path),
		err:  fs.ErrPermission,
	}
}

// shellQuote makes a path safe to paste into a shell.
func shellQuote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@", r)
	}
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// createFile writes a file that must not exist yet: it appears at once and
// whole, or not at all.
func createFile(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(path, data, mode)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	// A link, unlike a rename, does not replace what is there.
	if err := os.Link(temp, path); errors.Is(err, fs.ErrExist) {
		return existsError(path)
	} else if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// replaceFile writes a file that may exist; after a crash it is the old or the
// new one.
func replaceFile(path string, data []byte, mode fs.FileMode) error {
	temp, err := writeTemp(path, data, mode)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return fmt.Errorf("identity: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func existsError(path string) error {
	return &hintError{
		text: fmt.Sprintf("identity: %q exists already", path),
		hint: "choose another name, or remove it if an earlier attempt was interrupted: a key is never overwritten",
		err:  ErrExists,
	}
}

func writeTemp(path string, data []byte, mode fs.FileMode) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return "", fmt.Errorf("identity: %w", err)
	}
	if err := fill(f, data, mode); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("identity: writing %q: %w", path, err)
	}
	return f.Name(), nil
}

func fill(f *os.File, data []byte, mode fs.FileMode) error {
	_, err := f.Write(data)
	return errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return nil
}

// overwrite fills an open file with zeros and syncs it. On flash and on
// copying file systems old blocks may survive it: the ratchet in memory, not
// this, is what forward secrecy rests on there.
func overwrite(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(make([]byte, info.Size()), 0); err != nil {
		return err
	}
	return f.Sync()
}

// eraseFile overwrites a secret file and removes it. A file that is not there is
// no error.
func eraseFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|openNonblock, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	if err := errors.Join(overwrite(f), f.Close(), os.Remove(path)); err != nil {
		return fmt.Errorf("identity: erasing %q: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// replaceErasing replaces a secret file by what encode returns, durably, and
// then overwrites the old contents, which no name leads to any more. The text
// encoded is cleared.
func replaceErasing(path string, encode func() ([]byte, error)) error {
	old, err := openSecret(path, os.O_RDWR)
	if err != nil {
		return err
	}
	defer old.Close()
	text, err := encode()
	if err != nil {
		return err
	}
	defer clear(text)
	if err := replaceFile(path, text, modeSecret); err != nil {
		return err
	}
	if err := overwrite(old); err != nil {
		return fmt.Errorf("identity: erasing the old contents of %q: %w", path, err)
	}
	return nil
}

// buildDir fills a directory under another name and then puts it into place: it
// appears whole or not at all. An empty directory may be in its place already.
func buildDir(path string, fill func(dir string) error) error {
	temp, err := os.MkdirTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	defer os.RemoveAll(temp)
	if err := fill(temp); err != nil {
		return err
	}
	if err := syncDir(temp); err != nil {
		return err
	}
	if _, err := os.ReadDir(path); err == nil {
		if os.Remove(path) != nil { // refuses a directory that is not empty
			return existsError(path)
		}
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	return syncDir(filepath.Dir(path))
}
