package config

import (
	"fmt"
	"strings"
)

// suggest names the nearest of the known names, or all of them if none is near.
func suggest(name string, known []string) string {
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return ""
	}
	quoted := make([]string, len(known))
	for i, k := range known {
		quoted[i] = fmt.Sprintf("%q", k)
	}
	return "known are " + strings.Join(quoted, ", ")
}

// nearest returns the known name with the fewest slips of the finger between it
// and name, or "" if all differ in more than a third.
func nearest(name string, known []string) string {
	best, least := "", max(1, len(name)/3)+1
	lower := strings.ToLower(name)
	for _, k := range known {
		if len(k)-len(name) >= least || len(name)-len(k) >= least {
			continue // that many letters are missing or too many
		}
		if d := distance(lower, strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour (optimal string alignment, the restricted Damerau-Levenshtein
// distance).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
