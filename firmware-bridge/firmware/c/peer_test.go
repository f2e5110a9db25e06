package c_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

// peer is a running test/peer.c, under the sanitizers.
type peer struct {
	in     io.WriteCloser
	out    *bufio.Reader
	failed *bytes.Buffer
	signer keys.Signer // answers "sign"; nil: the device has its own
	lines  bytes.Buffer
}

func startPeer(t testing.TB) *peer {
	t.Helper()
	cmd := exec.Command(program(t, "peer"))
	p := &peer{failed: &bytes.Buffer{}}
	cmd.Stderr = p.failed
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReaderSize(out, 1<<17)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("peer: %v\n%s", err, p.failed)
		}
	})
	return p
}

// do sends a command and returns what it gives; ok is false if it is an error,
// and then n its number.
func (p *peer) do(t testing.TB, format string, args ...any) (got []byte, n int) {
	t.Helper()
	fmt.Fprintf(&p.lines, format+"\n", args...)
	_, err := p.in.Write(p.lines.Bytes())
	p.lines.Reset()
	for err == nil {
		var line string
		if line, err = p.out.ReadString('\n'); err != nil {
			break
		}
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch word {
		case "ok":
			if got, err = hex.DecodeString(rest); err == nil {
				return got, 0
			}
		case "error":
			if _, err = fmt.Sscan(rest, &n); err == nil {
				return nil, n
			}
		case "sign":
			err = p.sign(rest)
		default:
			t.Fatalf("the C program says %s%s", line, p.failed)
		}
	}
	t.Fatalf("the C program: %v\n%s", err, p.failed)
	return nil, 0
}

func (p *peer) sign(message string) error {
	raw, err := hex.DecodeString(message)
	if err != nil {
		return err
	}
	signature, err := p.signer.Sign(nil, raw)
	if err == nil {
		_, err = fmt.Fprintf(p.in, "%x\n", signature)
	}
	return err
}

// must is do for a command that has to succeed.
func (p *peer) must(t testing.TB, format string, args ...any) []byte {
	t.Helper()
	got, n := p.do(t, format, args...)
	if n != 0 {
		t.Fatalf("%.40s: error %d", fmt.Sprintf(format, args...), n)
	}
	return got
}

// encode has C encode a batch.
func (p *peer) encode(t testing.TB, b *vital.Batch) ([]byte, int) {
	t.Helper()
	p.lines.WriteString("encode\n")
	writeListing(&p.lines, b)
	return p.do(t, "end")
}

// compare has both encode a batch and returns the length of the payload; ok is
// false if both refuse.
func (p *peer) compare(t testing.TB, b *vital.Batch) (length int, ok bool) {
	t.Helper()
	want, err := b.Append(nil)
	got, n := p.encode(t, b)
	if (err != nil) != (n != 0) {
		var s bytes.Buffer
		writeListing(&s, b)
		t.Fatalf("Go says %v, C error %d, of\n%s", err, n, &s)
	}
	if err == nil && !bytes.Equal(got, want) {
		var s bytes.Buffer
		writeListing(&s, b)
		t.Fatalf("Go writes\n%x\nC\n%x\nfor\n%s", want, got, &s)
	}
	return len(got), err == nil
}

// writeListing writes a batch as the vectors show it, texts in hex.
func writeListing(s *bytes.Buffer, b *vital.Batch) {
	dec := func(d vital.Decimal) string { return fmt.Sprintf("%de%d", d.Mantissa, d.Exponent) }
	if b.Label != "" {
		fmt.Fprintf(s, "label x%x\n", b.Label)
	}
	for _, n := range b.Numerics {
		fmt.Fprintf(s, "numeric %d %d %d %s %d\n", n.Time, n.Code, n.Unit, dec(n.Value), n.Status)
	}
	for _, w := range b.Waves {
		fmt.Fprintf(s, "wave %d %d %d %s %s %d %d %d %d %d\n", w.Time, w.Code, w.Unit, dec(w.Rate), dec(w.Factor),
			w.Divisor, w.Zero, w.Status, w.Coding, len(w.Samples))
		fmt.Fprintf(s, "samples %s\n", strings.Trim(fmt.Sprint(w.Samples), "[]"))
	}
	for _, e := range b.Enumerations {
		fmt.Fprintf(s, "enumeration %d %d %d %d x%x\n", e.Time, e.Code, e.Value, e.Status, e.Text)
	}
	for _, a := range b.Alerts {
		fmt.Fprintf(s, "alert %d %d %d %d %d %s %s x%x\n", a.Time, a.Source, a.Kind, a.Priority, a.State, dec(a.Value), dec(a.Limit), a.Text)
	}
	for _, e := range b.Events {
		fmt.Fprintf(s, "event %d %d %d x%x\n", e.Time, e.Kind, e.Count, e.Text)
	}
	for _, d := range b.Drops {
		fmt.Fprintf(s, "dropped %d %d %d %x %d %d\n", d.Time, d.Reason, d.Count, d.EID, d.From, d.To)
	}
	for _, h := range b.Heartbeats {
		fmt.Fprintf(s, "heartbeat %d %d %d\n", h.Time, h.Interval, h.Recorded)
	}
}
