package line_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/internal/line"
)

func split(data string, size int) (lines []string) {
	var s line.Splitter
	for rest := []byte(data); len(rest) > 0; rest = rest[min(size, len(rest)):] {
		p := rest[:min(size, len(rest))]
		for {
			text, after, kind := s.Next(p)
			if kind == line.None {
				break
			}
			lines, p = append(lines, mark(text, kind)), after
		}
	}
	if text, kind := s.Flush(); kind != line.None {
		lines = append(lines, mark(text, kind)+"…")
	}
	return lines
}

func mark(text []byte, kind line.Kind) string {
	if kind == line.Bad {
		return fmt.Sprintf("bad(%d)", len(text))
	}
	return string(text)
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("x", line.Max)
	for _, c := range []struct {
		data string
		want []string
	}{
		{"a\nb\r\nc\rd", []string{"a", "b", "c", "d…"}},
		{"\n\r\n\r", nil},
		{long + "\n" + long + "y\nz\n", []string{long, "bad(512)", "z"}},
		{"a\x00b\nt\tt\n", []string{"bad(3)", "t\tt"}},
		{long + long, []string{"bad(512)…"}},
	} {
		for _, size := range []int{1, 2, 3, 511, 512, 513, 5000} {
			if got := split(c.data, size); !slices.Equal(got, c.want) {
				t.Errorf("chunks of %d: got %q, want %q", size, got, c.want)
			}
		}
	}
}
