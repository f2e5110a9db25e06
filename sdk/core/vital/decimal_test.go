package vital_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/sdk/core/vital"
)

func TestParseDecimalKeepsDigits(t *testing.T) {
	tests := []struct {
		in   string
		want vital.Decimal
		text string
	}{
		{"98", vital.Dec(98, 0), "98"},
		{"98.0", vital.Dec(980, -1), "98.0"},
		{"36.60", vital.Dec(3660, -2), "36.60"},
		{"03.60", vital.Dec(360, -2), "3.60"},
		{"0", vital.Dec(0, 0), "0"},
		{"0.00", vital.Dec(0, -2), "0.00"},
		{"-0.5", vital.Dec(-5, -1), "-0.5"},
		{"-.5", vital.Dec(-5, -1), "-0.5"},
		{"+7", vital.Dec(7, 0), "7"},
		{"7.", vital.Dec(7, 0), "7"},
		{"-0", vital.Dec(0, 0), "0"}, // FLOAT has no negative zero
		{"1e3", vital.Dec(1, 3), "1e3"},
		{"1.50E-2", vital.Dec(150, -4), "0.0150"},
		{"1e-05", vital.Dec(1, -5), "0.00001"},
		{"5e-10", vital.Dec(5, -10), "5e-10"},
		{"1e127", vital.Dec(1, 127), "1e127"},
		{"1e-128", vital.Dec(1, -128), "1e-128"},
		{"8388605", vital.Dec(vital.MaxMantissa, 0), "8388605"},
		{"-838.8605", vital.Dec(vital.MinMantissa, -4), "-838.8605"},
		{"0000000000000000000042", vital.Dec(42, 0), "42"},
	}
	for _, tt := range tests {
		got, err := vital.ParseDecimal([]byte(tt.in))
		if err != nil || got != tt.want {
			t.Errorf("ParseDecimal(%q) = %v, %v; want %v", tt.in, got, err, tt.want)
		}
		if text := string(got.AppendText(nil)); text != tt.text {
			t.Errorf("text of %q = %q, want %q", tt.in, text, tt.text)
		}
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, in := range []string{"", "-", "+", ".", "-.", "--1", "1.2.3", "1,5", " 1", "1 ", "1e", "1e+", "1e1000", "1e128", "1e-129",
		"0.5e-128", "8388606", "-8388606", "9999999", "12345678", "0.12345678", "NaN", "0x10", "e5", "1e1.5", "１",
		"0." + strings.Repeat("0", 129)} {
		if d, err := vital.ParseDecimal([]byte(in)); !errors.Is(err, vital.ErrDecimal) {
			t.Errorf("ParseDecimal(%q) = %v, %v; want ErrDecimal", in, d, err)
		}
	}
}

func TestSpecialValues(t *testing.T) {
	for text, d := range map[string]vital.Decimal{"NaN": vital.NaN, "NRes": vital.NRes, "+INF": vital.PosInf, "-INF": vital.NegInf} {
		if d.IsNumber() {
			t.Errorf("%s is a number", text)
		}
		if got := string(d.AppendText(nil)); got != text {
			t.Errorf("text = %q, want %q", got, text)
		}
	}
	if vital.Int(vital.MaxMantissa+1) != vital.PosInf || vital.Dec(vital.MinMantissa-1, -3) != vital.NegInf {
		t.Error("a number that does not fit is not an infinity")
	}
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"98.0", "-0", "1e3", ".5", "8388606", "0.00000000001"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := vital.ParseDecimal(in)
		if err != nil {
			return
		}
		if !d.IsNumber() {
			t.Fatalf("%q gives %v, which is not a number", in, d)
		}
		text := d.AppendText(nil)
		if back, err := vital.ParseDecimal(text); err != nil || back != d {
			t.Fatalf("%q gives %v, its text %q gives %v, %v", in, d, text, back, err)
		}
		if !json.Valid(text) {
			t.Fatalf("%q gives %q, which is not JSON", in, text)
		}
	})
}
