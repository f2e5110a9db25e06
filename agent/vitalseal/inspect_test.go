package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/vitalseal/vitalseal/sdk/core/seal"
)

// vectors returns the messages of the vectors of envelope and receipt, good and
// bad.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("../../sdk/core/seal/testdata/*/*.txt")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d vectors: %v", len(files), err)
	}
	messages := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if digits, ok := strings.CutPrefix(line, "message: "); ok {
				raw, err := hex.DecodeString(strings.TrimSpace(digits))
				if err != nil {
					t.Fatalf("%s: %v", file, err)
				}
				messages[filepath.Base(file)] = raw
			}
		}
	}
	return messages
}

// TestInspectVectors shows every vector, and calls a message what package seal does.
func TestInspectVectors(t *testing.T) {
	for name, message := range vectors(t) {
		if len(message) == 0 {
			continue
		}
		_, parseErr := seal.Parse(message)
		_, receiptErr := seal.ReceiptKeyID(message)
		if parseErr != nil {
			parseErr = receiptErr
		}
		status, text := inspected(t, message)
		if (status == 0) != (parseErr == nil) {
			t.Errorf("%s: status %d, seal says %v", name, status, parseErr)
		}
		if receipt := strings.Contains(text, ", says it is a receipt, signed with key "); receipt != (receiptErr == nil) {
			t.Errorf("%s is called a receipt: %t, and ReceiptKeyID says %v", name, receipt, receiptErr)
		}
		if parseErr == nil && !strings.Contains(text, "\n\n18([  / COSE_Sign1 /\n") {
			t.Errorf("%s is not taken apart:\n%s", name, text)
		}
	}
}

// inspected runs the command and demands of its output what holds for any input.
func inspected(t *testing.T, input []byte) (status int, stdout string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run([]string{"inspect"}, bytes.NewReader(input), &out, &errs)
	stdout = out.String()
	if (status == 0) == strings.Contains(errs.String(), "vitalseal: error:") {
		t.Errorf("status %d and %q", status, &errs)
	}
	if stdout != "" && !strings.HasSuffix(stdout, provesNothing) {
		t.Errorf("does not end by saying that it proves nothing: %q", stdout)
	}
	for _, text := range []string{stdout, errs.String()} {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }) {
			t.Errorf("a control character reaches the terminal: %q", text)
		}
	}
	return status, stdout
}

func FuzzInspect(f *testing.F) {
	for _, message := range vectors(f) {
		f.Add(message)
	}
	f.Add([]byte("\x82\x67\x1b[2J\xc2\x9b\x41"))
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) == 0 || len(input) > seal.MaxMessage {
			return
		}
		status, text := inspected(t, input)
		// The same message as text is the same message. What is text already may
		// stand for another one.
		if input[0] < 0x80 {
			return
		}
		for _, as := range []string{hex.EncodeToString(input), base64.StdEncoding.EncodeToString(input), base64.RawURLEncoding.EncodeToString(input)} {
			again, other := inspected(t, []byte(as))
			if status == 0 && (again != 0 || other != text) {
				t.Errorf("as text %q it is another message", as)
			}
		}
	})
}

func FuzzParseField(f *testing.F) {
	for _, text := range []string{"hr=MDC_ECG_HEART_RATE:/min", "#2=150364:Cel:-1", "=", "a=b:c:d", "#0=1", "#256=1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		field, err := parseField(text)
		if err == nil && (field.Name == "" && field.Column < 1 || field.Exponent < -9 || field.Exponent > 9) {
			t.Errorf("%q gives %+v", text, field)
		}
	})
}
