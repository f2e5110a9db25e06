package receive

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Lines is a Sink that writes JSON lines to a stream, such as standard output.
// It cannot go back: after a crash some lines may come twice.
type Lines struct {
	w   io.Writer
	buf []byte
}

// NewLines returns a Sink that writes to w at each Sync, whole lines only.
func NewLines(w io.Writer) *Lines { return &Lines{w: w} }

// Write implements Sink.
func (l *Lines) Write(r *Record) error {
	l.buf = AppendRecord(l.buf, r)
	return nil
}

// Sync implements Sink. What the reader of the stream does with the lines is
// its own affair. On an error the lines not yet written are forgotten; their
// messages come again.
func (l *Lines) Sync() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf)
	l.buf = trim(l.buf)
	if err != nil {
		return fmt.Errorf("receive: writing lines: %w", err)
	}
	return nil
}

// Mark implements Marker, as far as a stream can.
func (l *Lines) Mark() ([]byte, error) { return nil, nil }

// Rewind implements Marker: it forgets what was not yet written.
func (l *Lines) Rewind([]byte) error {
	l.buf = trim(l.buf)
	return nil
}

// trim empties a buffer, and lets go of one that has grown beyond need.
func trim(buf []byte) []byte {
	if cap(buf) > 1<<20 {
		return nil
	}
	return buf[:0]
}

// File is a Sink that writes JSON lines to a file, durably, and that holds each
// line once after any crash. Do not rotate the file while it is open; a file
// that was moved away in between is begun anew.
type File struct {
	f      *os.File
	offset int64 // of the end of what is durable
	buf    []byte
}

// OpenFile opens or creates the file at path, with mode 0600, to write at its
// end. Close it after the Receiver.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("receive: opening the file of lines: %w", err)
	}
	s := &File{f: f}
	if err := s.toEnd(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// Write implements Sink.
func (s *File) Write(r *Record) error {
	s.buf = AppendRecord(s.buf, r)
	return nil
}

// Sync implements Sink.
func (s *File) Sync() error {
	if len(s.buf) == 0 {
		return nil
	}
	n, err := s.f.WriteAt(s.buf, s.offset)
	if err == nil {
		err = s.f.Sync()
	}
	s.buf = trim(s.buf)
	if err != nil {
		return fmt.Errorf("receive: writing lines: %w", err)
	}
	s.offset += int64(n)
	return nil
}

// tailSize is how much before a mark must be unchanged for the mark to hold.
const tailSize = 256

// Mark implements Marker: the offset, and a hash of what is before it, so that
// another file under the same name is not cut.
func (s *File) Mark() ([]byte, error) {
	sum, err := s.tail(s.offset)
	if err != nil {
		return nil, err
	}
	return append(binary.BigEndian.AppendUint64(nil, uint64(s.offset)), sum...), nil
}

// Rewind implements Marker. A mark that is not of this file as it is now, such
// as one of a file that was moved away, discards nothing durable.
func (s *File) Rewind(mark []byte) error {
	s.buf = trim(s.buf)
	size, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("receive: file of lines: %w", err)
	}
	if len(mark) != 8+markSum {
		return s.toEnd()
	}
	offset := int64(binary.BigEndian.Uint64(mark))
	if offset < 0 || offset > size {
		return s.toEnd()
	}
	sum, err := s.tail(offset)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum, mark[8:]) {
		return s.toEnd()
	}
	if err := s.f.Truncate(offset); err != nil {
		return fmt.Errorf("receive: file of lines: %w", err)
	}
	s.offset = offset
	return s.f.Sync()
}

// Name returns the path the file was opened with.
func (s *File) Name() string { return s.f.Name() }

// Close closes the file. What was not synced is not in it.
func (s *File) Close() error { return s.f.Close() }

const markSum = 16

// tail hashes the bytes before offset.
func (s *File) tail(offset int64) ([]byte, error) {
	buf := make([]byte, min(offset, tailSize))
	if _, err := s.f.ReadAt(buf, offset-int64(len(buf))); err != nil {
		return nil, fmt.Errorf("receive: file of lines: %w", err)
	}
	sum := sha256.Sum256(buf)
	return sum[:markSum], nil
}

// toEnd goes to the end of the file, and ends a line that a crash has left torn,
// which is better than to join it with the next.
func (s *File) toEnd() error {
	size, err := s.f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("receive: file of lines: %w", err)
	}
	s.offset = size
	var last [1]byte
	if size == 0 {
		return nil
	}
	if _, err := s.f.ReadAt(last[:], size-1); err != nil {
		return fmt.Errorf("receive: file of lines: %w", err)
	}
	if last[0] != '\n' {
		s.buf = append(s.buf[:0], '\n')
		return s.Sync()
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("receive: directory %q: %w", path, err)
	}
	return nil
}
