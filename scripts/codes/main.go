// Command codes makes sdk/core/vital/table.go from codes.csv, the project's table
// of the IEEE 11073-10101 codes that its drivers use: `go generate ./sdk/core/vital`.
//
// A row of the file is a quantity, or a few that share all but their last part:
// MDC_ECG_ELEC_POTL_AVR/AVL/AVF. What a source says in words about how far a code
// was checked becomes one of five grades, see package vital.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: codes codes.csv table.go")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "codes: error:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	rows, err := parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	source, err := generate(rows)
	if err != nil {
		return err
	}
	return os.WriteFile(to, source, 0o644)
}
