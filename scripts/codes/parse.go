package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// row is one code.
type row struct {
	code  uint32
	refID string // empty: no source confirms a name
	unit  uint32
	ucum  string
	loinc string
	weak  bool   // LOINC from a weak source
	grade string // name of a constant of package vital
	title string
}

// The columns of the file.
const (
	colQuantity = iota
	colRefID
	colCode
	colPartition
	colTerm
	colUCUM
	colUnit
	colLOINC
	colSources
	colStatus
	columns
)

func parse(data []byte) ([]row, error) {
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 || len(records[0]) != columns {
		return nil, fmt.Errorf("want a header of %d columns", columns)
	}
	var rows []row
	for i, record := range records[1:] {
		more, err := parseRecord(record)
		if err != nil {
			return nil, fmt.Errorf("row %d, %q: %w", i+2, record[colQuantity], err)
		}
		rows = append(rows, more...)
	}
	slices.SortFunc(rows, func(a, b row) int { return int(a.code) - int(b.code) })
	for i := 1; i < len(rows); i++ {
		if rows[i].code == rows[i-1].code {
			return nil, fmt.Errorf("code %d stands twice", rows[i].code)
		}
	}
	return rows, nil
}

// parseRecord expands a record to a row for each of its codes.
func parseRecord(record []string) ([]row, error) {
	first, err := strconv.ParseUint(record[colCode], 10, 32)
	if err != nil {
		return nil, err
	}
	partition, err1 := strconv.ParseUint(record[colPartition], 10, 16)
	term, err2 := strconv.ParseUint(record[colTerm], 10, 16)
	if err1 != nil || err2 != nil || partition<<16|term != first {
		return nil, fmt.Errorf("code %d is not partition %q, term %q", first, record[colPartition], record[colTerm])
	}
	names := names(record[colRefID])
	codes, err := codes(uint32(first), len(names), record[colSources])
	if err != nil {
		return nil, err
	}
	loinc, weak := loincs(record, len(names))
	var rows []row
	for i, name := range names {
		rows = append(rows, row{
			code: codes[i], refID: name, unit: unit(record[colUnit]), ucum: ucum(record[colUCUM]),
			loinc: loinc[i], weak: weak, grade: grade(record), title: record[colQuantity],
		})
	}
	return rows, nil
}

var (
	refID  = regexp.MustCompile(`^(MDC|NOM)_[A-Z0-9_]*[A-Z0-9]$`)
	remark = regexp.MustCompile(`memory|\?|^\(|^[0-9]`)
	suffix = regexp.MustCompile(`^(.*)\((.*)\)$`)
	series = regexp.MustCompile(`^(.*[A-Z])([0-9])\.\.[A-Z]([0-9])$`)
)

// names expands the reference ids of a cell: A_I/II is A_I and A_II, A(_SYS/_DIA)
// is A, A_SYS and A_DIA, A_V1..V6 is six. One empty name stands for a code whose
// name no source confirms.
func names(cell string) []string {
	id, rest, _ := strings.Cut(cell, " ")
	var all []string
	switch {
	case remark.MatchString(id) || strings.Contains(rest, "memory"):
		return []string{""}
	case suffix.MatchString(id):
		m := suffix.FindStringSubmatch(id)
		all = []string{m[1]}
		for s := range strings.SplitSeq(m[2], "/") {
			all = append(all, m[1]+s)
		}
	case series.MatchString(id):
		m := series.FindStringSubmatch(id)
		for n := m[2][0]; n <= m[3][0]; n++ {
			all = append(all, m[1]+string(n))
		}
	default:
		first, others, _ := strings.Cut(id, "/")
		all = []string{first}
		if others != "" {
			stem := first[:strings.LastIndex(first, "_")+1]
			for last := range strings.SplitSeq(others, "/") {
				all = append(all, stem+last)
			}
		}
	}
	for _, name := range all {
		if !refID.MatchString(name) {
			return []string{""}
		}
	}
	return all
}

var listed = regexp.MustCompile(`\(([0-9/.]+)\)`)

// codes returns n codes that begin with first. Where there are more than one the
// sources list them, with or without the first: "P I (131390/131391/131392)".
func codes(first uint32, n int, sources string) ([]uint32, error) {
	if n == 1 {
		return []uint32{first}, nil
	}
	m := listed.FindStringSubmatch(sources)
	if m == nil {
		return nil, fmt.Errorf("%d names and no list of codes in %q", n, sources)
	}
	var all []uint32
	if from, to, ok := strings.Cut(m[1], ".."); ok {
		lo, err1 := strconv.ParseUint(from, 10, 32)
		hi, err2 := strconv.ParseUint(to, 10, 32)
		if err1 != nil || err2 != nil || hi-lo >= 100 {
			return nil, fmt.Errorf("range of codes %q", m[1])
		}
		for c := lo; c <= hi; c++ {
			all = append(all, uint32(c))
		}
	} else {
		for text := range strings.SplitSeq(m[1], "/") {
			c, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("code %q", text)
			}
			all = append(all, uint32(c))
		}
	}
	if len(all) == n-1 {
		all = append([]uint32{first}, all...)
	}
	if len(all) != n || all[0] != first {
		return nil, fmt.Errorf("%d names and the codes %v", n, all)
	}
	return all, nil
}

// unit is 0 where the source gives none, or more than one.
func unit(cell string) uint32 {
	cell = strings.TrimSuffix(cell, "=mbar")
	n, err := strconv.ParseUint(cell, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// ucum is empty where there is a choice of units.
func ucum(cell string) string {
	if strings.Contains(cell, " or ") {
		return ""
	}
	return cell
}

var loinc = regexp.MustCompile(`^[0-9]+-[0-9]$`)

// loincs gives the first LOINC of the record, for each of n codes: the first that
// no remark calls remembered only.
func loincs(record []string, n int) (all []string, weak bool) {
	all = make([]string, n)
	weak = strings.Contains(record[colSources]+record[colStatus], "LOINC: one small repo") || strings.Contains(record[colStatus], "LOINC weak")
	cells := strings.Split(record[colLOINC], " / ")
	if len(cells) == 2 && n == 1 && !strings.Contains(record[colLOINC], "setting") {
		return all, weak // one for mass and one for moles: the unit decides
	}
	for i := range all {
		cell := cells[0]
		if len(cells) > 1 && n > 1 {
			if i == 0 || i > len(cells) {
				continue // LOINC has none for the waveform, which stands before its systolic, diastolic and mean
			}
			cell = cells[i-1]
		}
		for part := range strings.FieldsFuncSeq(cell, func(r rune) bool { return r == ';' || r == '+' || r == ' ' }) {
			if loinc.MatchString(part) && !strings.Contains(cell, part+" (memory)") && !strings.Contains(cell, "(M pairs it with "+part) {
				all[i] = part
				break
			}
		}
	}
	return all, weak
}

// grade says how far the row was checked, in the words of package vital.
func grade(record []string) string {
	status, id := record[colStatus], record[colRefID]
	switch {
	case strings.HasPrefix(status, "NOT"):
		return "NotVerified"
	case strings.Contains(status, "one source"):
		return "OneSource"
	case strings.Contains(status, "Philips"):
		return "VendorName"
	case strings.HasPrefix(status, "number") || strings.Contains(id, "memory") || strings.Contains(id, "?"):
		return "NumberVerified"
	case strings.HasPrefix(status, "verified") || strings.HasPrefix(status, "code verified"):
		return "Verified"
	}
	return "NotVerified"
}
