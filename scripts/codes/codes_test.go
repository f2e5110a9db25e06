package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestTableIsGenerated keeps package vital's table what this program makes.
func TestTableIsGenerated(t *testing.T) {
	rows, err := parse(read(t, "codes.csv"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := generate(rows)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, "../../sdk/core/vital/table.go"); !bytes.Equal(got, want) {
		t.Error("sdk/core/vital/table.go is not what codes.csv says: run `go generate ./sdk/core/vital`")
	}
}

func TestTheSharedTableIsOurs(t *testing.T) {
	shared, err := os.ReadFile("../../../shared/codes.csv")
	if os.IsNotExist(err) {
		t.Skip("shared data absent: ../shared is not beside the module")
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shared, read(t, "codes.csv")) {
		t.Error("codes.csv is another than the shared one")
	}
}

func TestRefusedRows(t *testing.T) {
	head := "quantity,mdc_refid,cf_code10,partition,term,ucum,mdc_unit,loinc,mdc_sources,status\n"
	tests := []struct{ name, rows, want string }{
		{"no header", "", "header"},
		{"arithmetic", "SpO2,MDC_A,150456,2,19385,%,262688,,L,verified\n", "is not partition"},
		{"not a number", "SpO2,MDC_A,x,2,19384,%,262688,,L,verified\n", "invalid syntax"},
		{"twice", strings.Repeat("SpO2,MDC_A,150456,2,19384,%,262688,,L,verified\n", 2), "stands twice"},
		{"no list", "ST,MDC_A_I/II,131841,2,769,,,,P,verified\n", "no list of codes"},
		{"a short list", "ST,MDC_A_I/II/III,131841,2,769,,,,P (131842),verified\n", "3 names and the codes"},
	}
	for _, tt := range tests {
		input := head + tt.rows
		if tt.rows == "" {
			input = ""
		}
		if _, err := parse([]byte(input)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
