package vital_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

var update = flag.Bool("update", false, "write testdata/vectors anew")

// listing writes a batch as vectors show it, one record a line, numbers in
// decimal: any language prints the same with little code.
func listing(b *vital.Batch) string {
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	dec := func(d vital.Decimal) string { return fmt.Sprintf("%de%d", d.Mantissa, d.Exponent) }
	if b.Label != "" {
		line("label \"%s\"", b.Label)
	}
	for _, n := range b.Numerics {
		line("numeric %d %d %d %s %d", n.Time, n.Code, n.Unit, dec(n.Value), n.Status)
	}
	for _, w := range b.Waves {
		line("wave %d %d %d %s %s %d %d %d %d %d", w.Time, w.Code, w.Unit, dec(w.Rate), dec(w.Factor),
			w.Divisor, w.Zero, w.Status, w.Coding, len(w.Samples))
		line("samples %s", strings.Trim(fmt.Sprint(w.Samples), "[]"))
	}
	for _, e := range b.Enumerations {
		line("enumeration %d %d %d %d \"%s\"", e.Time, e.Code, e.Value, e.Status, e.Text)
	}
	for _, a := range b.Alerts {
		line("alert %d %d %d %d %d %s %s \"%s\"", a.Time, a.Source, a.Kind, a.Priority, a.State, dec(a.Value), dec(a.Limit), a.Text)
	}
	for _, e := range b.Events {
		line("event %d %d %d \"%s\"", e.Time, e.Kind, e.Count, e.Text)
	}
	for _, d := range b.Drops {
		line("dropped %d %d %d %x %d %d", d.Time, d.Reason, d.Count, d.EID, d.From, d.To)
	}
	for _, h := range b.Heartbeats {
		line("heartbeat %d %d %d", h.Time, h.Interval, h.Recorded)
	}
	return s.String()
}

type vector struct {
	name    string
	header  map[string]string
	payload []byte
	listing string
}

// readVector reads header lines "key: value", an empty line, lines of hex, an
// empty line, and the listing.
func readVector(t testing.TB, path string) vector {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(string(text), "\n\n", 3)
	if len(parts) != 3 {
		t.Fatalf("%s: %d parts, want header, hex and listing", path, len(parts))
	}
	v := vector{name: strings.TrimSuffix(filepath.Base(path), ".txt"), header: map[string]string{}, listing: parts[2]}
	for line := range strings.Lines(parts[0]) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if !ok {
			t.Fatalf("%s: header line %q", path, line)
		}
		v.header[key] = strings.TrimSpace(value)
	}
	if v.payload, err = hex.DecodeString(strings.ReplaceAll(parts[1], "\n", "")); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

func vectors(t testing.TB) []vector {
	t.Helper()
	paths, err := filepath.Glob("testdata/vectors/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	var out []vector
	for _, path := range paths {
		out = append(out, readVector(t, path))
	}
	return out
}

func (s scenario) file() string {
	var out strings.Builder
	fmt.Fprintf(&out, "expect: %s\n", s.expect)
	if s.musts != "" {
		fmt.Fprintf(&out, "MUST: %s\n", s.musts)
	}
	fmt.Fprintf(&out, "comment: %s\n\n", s.comment)
	text := hex.EncodeToString(s.payload)
	for len(text) > 80 {
		out.WriteString(text[:80] + "\n")
		text = text[80:]
	}
	out.WriteString(text + "\n\n")
	if s.expect == "valid" {
		var b vital.Batch
		if err := b.Decode(s.payload); err != nil {
			panic(s.name + ": " + err.Error())
		}
		out.WriteString(listing(&b))
	}
	return out.String()
}

// TestScenariosAreTheVectors fails if the encoder gives other bytes than those
// in the files, which other implementations rely on.
func TestScenariosAreTheVectors(t *testing.T) {
	const dir = "testdata/vectors"
	if *update {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	names := map[string]bool{}
	for _, s := range scenarios() {
		if names[s.name] {
			t.Errorf("two scenarios are named %s", s.name)
		}
		names[s.name] = true
		path := filepath.Join(dir, s.name+".txt")
		if *update {
			if err := os.WriteFile(path, []byte(s.file()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != s.file() {
			t.Errorf("%s is not what the scenario gives now (error %v)", path, err)
		}
	}
	for _, v := range vectors(t) {
		if !names[v.name] {
			t.Errorf("%s has no scenario", v.name)
		}
	}
}

func TestVectors(t *testing.T) {
	var b vital.Batch
	for _, v := range vectors(t) {
		err := b.Decode(v.payload)
		if v.header["expect"] != "valid" {
			if err == nil || err.Error() != v.header["expect"] {
				t.Errorf("%s: error %v, want %q", v.name, err, v.header["expect"])
			}
			if b.Len() != 0 || b.Label != "" {
				t.Errorf("%s: %d records are left after an error", v.name, b.Len())
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", v.name, err)
			continue
		}
		if got := listing(&b); got != v.listing {
			t.Errorf("%s: got\n%swant\n%s", v.name, got, v.listing)
		}
		again, err := b.Append([]byte("before"))
		if err != nil || !bytes.Equal(again, append([]byte("before"), v.payload...)) {
			t.Errorf("%s: re-encodes to %x, %v", v.name, again, err)
		}
	}
}

// TestExampleOfFormat compares the annotated example with its vector.
func TestExampleOfFormat(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```hex\n")
	block, _, _ := strings.Cut(rest, "```")
	var digits string
	for line := range strings.Lines(block) {
		code, _, _ := strings.Cut(line, ";")
		digits += strings.Join(strings.Fields(code), "")
	}
	if want := hex.EncodeToString(readVector(t, "testdata/vectors/example.txt").payload); digits != want {
		t.Errorf("FORMAT.md shows %s, the vector is %s", digits, want)
	}
}

// TestEveryMustHasARefusal reads the numbers from FORMAT.md.
func TestEveryMustHasARefusal(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]int{}
	for _, v := range vectors(t) {
		if v.header["expect"] == "valid" {
			continue
		}
		for _, must := range strings.Fields(v.header["MUST"]) {
			refused[must]++
		}
	}
	musts := regexp.MustCompile(`(?m)^(\d+)\. .*MUST`).FindAllSubmatch(doc, -1)
	if len(musts) < 19 {
		t.Errorf("%d numbered MUSTs in FORMAT.md, want 19", len(musts))
	}
	for _, must := range musts {
		if refused[string(must[1])] == 0 {
			t.Errorf("MUST %s has no vector that breaks it", must[1])
		}
		delete(refused, string(must[1]))
	}
	for must := range refused {
		t.Errorf("vectors name MUST %s, which FORMAT.md does not have", must)
	}
}

// FuzzDecode holds that what is accepted re-encodes to the same bytes, and that
// a fresh plan of the same batch says the same.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.payload)
	}
	var b vital.Batch
	f.Fuzz(func(t *testing.T, payload []byte) {
		if err := b.Decode(payload); err != nil {
			if b.Len() != 0 {
				t.Fatalf("%d records are left after an error", b.Len())
			}
			return
		}
		again, err := b.Append(nil)
		if err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%x was accepted and re-encodes to %x, %v", payload, again, err)
		}
		fresh := canonical(&b)
		planned, err := fresh.Append(nil)
		if err == vital.ErrTooLarge {
			return // rows fit that columns do not
		}
		var back vital.Batch
		if err := back.Decode(planned); err != nil {
			t.Fatalf("%x was planned anew as %x: %v", payload, planned, err)
		}
		if !same(&fresh, &back) {
			t.Fatalf("%x was planned anew as %x, which says something else", payload, planned)
		}
	})
}
