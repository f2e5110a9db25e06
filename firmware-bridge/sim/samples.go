package sim

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// OpenRecord reads the WFDB record at path, with or without ".hea": the header
// and the signal files beside it.
func OpenRecord(path string) (*Record, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	return ReadRecord(os.DirFS(dir), base)
}

// ReadRecord reads a WFDB record from fsys. It verifies the first value and the
// checksum of every signal for which the header gives them. Errors name the
// file, and the line or the signal.
func ReadRecord(fsys fs.FS, name string) (*Record, error) {
	name = strings.TrimSuffix(name, ".hea") + ".hea"
	f, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("sim: record: %w", err)
	}
	defer f.Close()
	rec, err := ReadHeader(f, name)
	if err != nil {
		return nil, err
	}
	for first := 0; first < len(rec.Signals); {
		last := first + 1
		for last < len(rec.Signals) && rec.Signals[last].file == rec.Signals[first].file {
			last++
		}
		if err := rec.load(fsys, name, rec.Signals[first:last]); err != nil {
			return nil, err
		}
		first = last
	}
	return rec, nil
}

// load reads the signals that share one file, in which they are interleaved.
func (r *Record) load(fsys fs.FS, header string, group []Signal) error {
	file, at := group[0].file, fmt.Sprintf("%s:%d", header, group[0].line)
	if !fs.ValidPath(file) || strings.Contains(file, "/") {
		return fmt.Errorf("sim: %s: signal file %q is not a plain file name", at, file)
	}
	for i := range group {
		if group[i].format != group[0].format {
			return fmt.Errorf("sim: %s:%d: format %d in a file of format %d", header, group[i].line, group[i].format, group[0].format)
		}
	}
	data, err := fs.ReadFile(fsys, file)
	if err != nil {
		return fmt.Errorf("sim: %s: %w", at, err)
	}
	if int64(len(data)) < group[0].offset {
		return fmt.Errorf("sim: %s: %d bytes, shorter than the offset %d", file, len(data), group[0].offset)
	}
	data = data[group[0].offset:]
	have := capacity(group[0].format, len(data)) / len(group)
	if r.Frames == 0 {
		r.Frames = min(have, maxFrames)
	}
	if have < r.Frames {
		return fmt.Errorf("sim: %s: %d samples a signal, %s says %d", file, have, header, r.Frames)
	}
	r.unpack(data, group)
	for i := range group {
		if err := group[i].verify(file, i); err != nil {
			return err
		}
	}
	return nil
}

// capacity returns how many samples n bytes hold.
func capacity(format, n int) int {
	switch format {
	case 16:
		return n / 2
	case 212:
		samples := n / 3 * 2
		if n%3 == 2 { // an odd number of samples ends in two bytes
			samples++
		}
		return samples
	}
	return n // 80
}

func (r *Record) unpack(data []byte, group []Signal) {
	for i := range group {
		group[i].Samples = make([]int32, r.Frames)
	}
	for n := range r.Frames * len(group) {
		group[n%len(group)].Samples[n/len(group)] = sample(group[0].format, data, n)
	}
}

// sample returns sample n of data (signal(5) of the WFDB Applications Guide).
func sample(format int, data []byte, n int) int32 {
	switch format {
	case 16: // little-endian
		return int32(int16(binary.LittleEndian.Uint16(data[2*n:])))
	case 80: // offset binary
		return int32(data[n]) - 128
	}
	// 212: two samples in three bytes, the high nibbles of both in the middle.
	at := n / 2 * 3
	v := uint16(data[at]) | uint16(data[at+1]&0x0f)<<8
	if n%2 == 1 {
		v = uint16(data[at+1]&0xf0)<<4 | uint16(data[at+2])
	}
	return int32(int16(v<<4)) >> 4
}

func (s *Signal) verify(file string, i int) error {
	if len(s.Samples) == 0 {
		return nil
	}
	if s.checks >= 1 && s.Samples[0] != s.initial {
		return fmt.Errorf("sim: %s: signal %d (%q) begins with %d, the header says %d", file, i, s.Name, s.Samples[0], s.initial)
	}
	var sum int16
	for _, v := range s.Samples {
		sum += int16(v)
	}
	if s.checks >= 2 && sum != s.checksum {
		return fmt.Errorf("sim: %s: signal %d (%q) has checksum %d, the header says %d", file, i, s.Name, sum, s.checksum)
	}
	return nil
}
