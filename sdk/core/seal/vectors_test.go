package seal_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hpke"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

var update = flag.Bool("update", false, "write the vectors in testdata anew")

// field is one line of a vector: "name: value".
type field struct{ name, value string }

// vector is one file of testdata/vectors; FORMAT.md lists the fields.
type vector struct {
	name   string
	fields []field
}

func (v *vector) get(name string) string {
	for _, f := range v.fields {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (v *vector) has(name string) bool {
	return slices.ContainsFunc(v.fields, func(f field) bool { return f.name == name })
}

func (v *vector) hex(t testing.TB, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.get(name))
	if err != nil {
		t.Fatalf("%s: %s: %v", v.name, name, err)
	}
	return b
}

func (v *vector) secret(t testing.TB, name string) *[32]byte {
	t.Helper()
	b := v.hex(t, name)
	if len(b) != 32 {
		t.Fatalf("%s: %s has %d bytes", v.name, name, len(b))
	}
	return (*[32]byte)(b)
}

func (v *vector) text() []byte {
	var b bytes.Buffer
	for _, f := range v.fields {
		fmt.Fprintf(&b, "%s: %s\n", f.name, f.value)
	}
	return b.Bytes()
}

const vectorDir = "testdata/vectors"

func readVectors(t testing.TB) []*vector {
	t.Helper()
	return slices.DeleteFunc(allVectors(t), func(v *vector) bool { return !v.supported() })
}

// allVectors reads those too that this build has no algorithm for.
func allVectors(t testing.TB) []*vector { return vectorsIn(t, vectorDir) }

func vectorsIn(t testing.TB, dir string) []*vector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no vectors in %s: %v", dir, err)
	}
	var vs []*vector
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := &vector{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
		for line := range strings.Lines(string(text)) {
			name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			if !ok {
				t.Fatalf("%s: line %q is not \"name: value\"", path, line)
			}
			v.fields = append(v.fields, field{name, value})
		}
		vs = append(vs, v)
	}
	return vs
}

// supported reports whether this build has the algorithm of the vector's key. The
// suite of those that need A256GCM is another matter, but they need P-256 too.
func (v *vector) supported() bool {
	return slices.ContainsFunc(signatures, func(alg keys.Algorithm) bool {
		return v.get("alg") == strconv.Itoa(int(alg))
	})
}

// verdicts are the words of "expect:", with the error that each stands for.
var verdicts = []struct {
	word string
	err  error
}{
	{"valid", nil},
	{"too-large", seal.ErrTooLarge},
	{"malformed", seal.ErrMalformed},
	{"wrong-key", seal.ErrWrongKey},
	{"bad-signature", seal.ErrBadSignature},
	{"wrong-anchor", seal.ErrWrongAnchor},
	{"commitment", seal.ErrCommitment},
	{"cannot-open", seal.ErrCannotOpen},
}

func verdict(t testing.TB, err error) string {
	t.Helper()
	for _, v := range verdicts {
		if errors.Is(err, v.err) {
			return v.word
		}
	}
	t.Fatalf("no verdict for %v", err)
	return ""
}

func (v *vector) key(t testing.TB) keys.PublicKey {
	t.Helper()
	alg, err := strconv.Atoi(v.get("alg"))
	if err != nil {
		t.Fatalf("%s: alg: %v", v.name, err)
	}
	key, err := keys.NewPublicKey(keys.Algorithm(alg), v.hex(t, "key"))
	if err != nil {
		t.Fatalf("%s: key: %v", v.name, err)
	}
	return key
}

// context parses and verifies the anchor or grant that a vector is read with.
func (v *vector) context(t testing.TB, name string) seal.Verified {
	t.Helper()
	key := v.key(t)
	if v.has("anchor-key") {
		var err error
		if key, err = keys.NewPublicKey(keys.AlgEd25519, v.hex(t, "anchor-key")); err != nil {
			t.Fatalf("%s: anchor-key: %v", v.name, err)
		}
	}
	e, err := seal.Parse(v.hex(t, name))
	if err != nil {
		t.Fatalf("%s: %s: %v", v.name, name, err)
	}
	var verifier seal.Verifier
	verified, err := verifier.Verify(e, &key)
	if err != nil {
		t.Fatalf("%s: %s: %v", v.name, name, err)
	}
	return verified
}

// run does with a vector what a receiver does with a message, and returns the
// first error.
func (v *vector) run(t testing.TB) (verified seal.Verified, payload []byte, err error) {
	t.Helper()
	e, err := seal.Parse(v.hex(t, "message"))
	if err != nil {
		return verified, nil, err
	}
	key := v.key(t)
	var verifier seal.Verifier
	if verified, err = verifier.Verify(e, &key); err != nil || !v.has("secret") {
		return verified, nil, err
	}
	secret := v.secret(t, "secret")
	switch {
	case verified.Kind() == seal.KindAnchor:
		_, err = seal.NewOpener(verified, secret)
		return verified, nil, err
	case verified.Kind() == seal.KindGrant:
		_, err = seal.NewGrantOpener(v.context(t, "anchor"), verified, secret)
		return verified, nil, err
	}
	var opener *seal.Opener
	if v.has("grant") {
		opener, err = seal.NewGrantOpener(v.context(t, "anchor"), v.context(t, "grant"), secret)
	} else {
		opener, err = seal.NewOpener(v.context(t, "anchor"), secret)
	}
	if err != nil {
		return verified, nil, err
	}
	payload, err = opener.Open(nil, verified)
	return verified, payload, err
}

func TestVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			verified, payload, err := v.run(t)
			if got := verdict(t, err); got != v.get("expect") {
				t.Fatalf("%s (%v), want %s: %s", got, err, v.get("expect"), v.get("comment"))
			}
			if v.get("expect") != "valid" {
				return
			}
			if v.has("payload") && !bytes.Equal(payload, v.hex(t, "payload")) {
				t.Errorf("opens to %x, want %s", payload, v.get("payload"))
			}
			for _, f := range described(t, &verified) {
				if got := v.get(f.name); got != f.value {
					t.Errorf("%s is %q, the vector says %q", f.name, f.value, got)
				}
			}
			v.checkKeySource(t, &verified)
		})
	}
}

// checkKeySource derives or unwraps the secret of an anchor.
func (v *vector) checkKeySource(t *testing.T, verified *seal.Verified) {
	t.Helper()
	var recipients []seal.Recipient
	var suite keys.Algorithm
	var extra []byte
	switch verified.Kind() {
	case seal.KindAnchor:
		a, err := verified.Anchor()
		if err != nil {
			t.Fatal(err)
		}
		if v.has("psk") {
			psk, err := keys.NewSoftwarePSK(verified.KeyID(), 0, v.secret(t, "psk"))
			if err != nil {
				t.Fatal(err)
			}
			var cs [32]byte
			err = errors.Join(psk.Advance(a.Generation), psk.ContentSecret(&cs, verified.KeyID(), a.Boot, &a.Salt))
			if err != nil || cs != *v.secret(t, "secret") {
				t.Errorf("the pre-shared key gives %x, %v, want %s", cs, err, v.get("secret"))
			}
		}
		recipients, suite = a.Recipients, a.Suite
		extra = seal.AnchorContext(nil, verified.KeyID(), a.Boot, &a.Salt)
	case seal.KindGrant:
		g, err := verified.Grant()
		if err != nil {
			t.Fatal(err)
		}
		anchor := v.context(t, "anchor")
		a, err := anchor.Anchor()
		if err != nil {
			t.Fatal(err)
		}
		recipients, suite = []seal.Recipient{g.Recipient}, a.Suite
		extra = seal.GrantContext(nil, verified.KeyID(), g.EID, g.Epoch)
	}
	for i := range recipients {
		name := "recipient-" + strconv.Itoa(i+1)
		if !v.has(name) {
			continue
		}
		got, err := unwrap(&recipients[i], v.hex(t, name), recipients[i].AppendInfo(nil, suite, extra))
		if err != nil || !bytes.Equal(got, v.hex(t, "secret")) {
			t.Errorf("%s unwraps %x, %v, want %s", name, got, err, v.get("secret"))
		}
	}
}

func kemOf(alg keys.Algorithm) hpke.KEM {
	if alg == keys.AlgXWingKE {
		return hpke.MLKEM768X25519()
	}
	return hpke.DHKEM(ecdh.X25519())
}

func unwrap(r *seal.Recipient, private, info []byte) ([]byte, error) {
	key, err := kemOf(r.Algorithm).NewPrivateKey(private)
	if err != nil {
		return nil, err
	}
	receiver, err := hpke.NewRecipient(r.Encapsulated, key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, err
	}
	return receiver.Open(nil, r.Wrapped)
}

// described states what a message says, as a vector does.
func described(t testing.TB, v *seal.Verified) []field {
	t.Helper()
	fs := []field{{"kind", v.Kind().String()}, {"eid", v.EID().String()}}
	switch v.Kind() {
	case seal.KindAnchor:
		a, err := v.Anchor()
		if err != nil {
			t.Fatal(err)
		}
		fs = append(fs, field{"head", fmt.Sprintf("%x", v.Head())})
		return append(fs, describedAnchor(&a)...)
	case seal.KindGrant:
		g, err := v.Grant()
		if err != nil {
			t.Fatal(err)
		}
		return append(fs, field{"epoch", strconv.Itoa(int(g.Epoch))})
	}
	return append(fs, field{"seq", strconv.FormatUint(v.Seq(), 10)},
		field{"prev", fmt.Sprintf("%x", v.Prev())}, field{"head", fmt.Sprintf("%x", v.Head())})
}

func describedAnchor(a *seal.Anchor) []field {
	fs := []field{
		{"site", a.Site},
		{"boot", strconv.FormatUint(a.Boot, 10)},
		{"salt", fmt.Sprintf("%x", a.Salt)},
		{"commitment", fmt.Sprintf("%x", a.Commitment)},
		{"shift", strconv.Itoa(int(a.EpochShift))},
		{"suite", strconv.Itoa(int(a.Suite))},
		{"heartbeat", strconv.Itoa(int(a.Heartbeat))},
		{"flags", strconv.Itoa(int(a.Flags))},
	}
	if !a.Clock.IsZero() {
		fs = append(fs, field{"clock", fmt.Sprintf("%d %d", a.Clock.UnixMilli, a.Clock.Error)})
	}
	if a.Beacon != (seal.Beacon{}) {
		fs = append(fs, field{"beacon", fmt.Sprintf("%x", a.Beacon)})
	}
	if p := a.Previous; p.EID != (seal.EID{}) {
		fs = append(fs, field{"previous", fmt.Sprintf("%v %d %x", p.EID, p.Seq, p.Head)})
	}
	if n := len(a.Recipients); n > 0 {
		return append(fs, field{"recipients", strconv.Itoa(n)})
	}
	return append(fs, field{"generation", strconv.Itoa(int(a.Generation))})
}

// fieldNames are the names that a vector may use.
var fieldNames = []string{"expect", "MUST", "comment", "alg", "key", "psk", "secret", "anchor", "anchor-key", "grant",
	"message", "payload", "kind", "eid", "seq", "prev", "head", "epoch", "site", "boot", "salt",
	"commitment", "shift", "suite", "heartbeat", "flags", "clock", "beacon", "previous", "recipients",
	"generation", "recipient-1", "recipient-2", "gateway", "receiver", "chains",
	"chain-1", "chain-2", "chain-3", "chain-4", "chain-5", "chain-6"}

// TestVectorsCoverFormat holds the vectors against the numbered rules of
// FORMAT.md: each rule on messages has one that breaks it, and none is unknown.
// The other rules name the tests that attack them, which must exist.
func TestVectorsCoverFormat(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	broken := map[string]bool{}
	for _, v := range append(allVectors(t), vectorsIn(t, receiptDir)...) {
		if v.fields[0].name != "expect" || v.fields[1].name != "MUST" || v.fields[2].name != "comment" {
			t.Errorf("%s does not begin with expect, MUST, comment", v.name)
		}
		for _, f := range v.fields {
			if !slices.Contains(fieldNames, f.name) {
				t.Errorf("%s: unknown field %q", v.name, f.name)
			}
		}
		for _, n := range strings.Fields(v.get("MUST")) {
			broken[n] = broken[n] || v.get("expect") != "valid"
		}
	}
	tests := testNames(t)
	rules := regexp.MustCompile(`(?m)^(\d+)\. (.*(?:\n {3,}.+)*)`).FindAllStringSubmatch(string(text), -1)
	testRef := regexp.MustCompile("`(Test\\w+)`")
	for i, rule := range rules {
		if rule[1] != strconv.Itoa(i+1) {
			t.Fatalf("rule %s stands at place %d", rule[1], i+1)
		}
		refs := testRef.FindAllStringSubmatch(rule[2], -1)
		for _, ref := range refs {
			if !tests[ref[1]] {
				t.Errorf("rule %s names %s, which is no test", rule[1], ref[1])
			}
		}
		elsewhere := strings.Contains(rule[2], "(package ")
		if !broken[rule[1]] && len(refs) == 0 && !elsewhere {
			t.Errorf("rule %s has neither a vector that breaks it nor a test", rule[1])
		}
		delete(broken, rule[1])
	}
	for n := range broken {
		t.Errorf("a vector breaks rule %q, which FORMAT.md does not have", n)
	}
	if len(rules) == 0 {
		t.Error("FORMAT.md has no rules")
	}
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	paths, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	decl := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, path := range append(paths, "../keys/keys_test.go") {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range decl.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
	}
	return names
}

// TestFormatExample holds the annotated bytes of FORMAT.md against the vector
// they come from.
func TestFormatExample(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```hex\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatal("FORMAT.md has no hex block")
	}
	var example strings.Builder
	for line := range strings.Lines(block) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			example.WriteString(word)
		}
	}
	for _, v := range readVectors(t) {
		if v.name == "batch-first" {
			if got := example.String(); got != v.get("message") {
				t.Errorf("FORMAT.md shows\n%s\nbatch-first is\n%s", got, v.get("message"))
			}
			return
		}
	}
	t.Error("no vector batch-first")
}
