package status_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vitalseal/vitalseal/agent/status"
)

// TestSummaryIsOneLine: an error's text must not become a field of its own.
func TestSummaryIsOneLine(t *testing.T) {
	s := &status.Report{Problems: []status.Problem{{Severity: status.Broken, What: "broker",
		Why: "evil\nWATCHDOG=1\n\x1b[2J\xff" + strings.Repeat("é", 300)}, {}}}
	got := s.Summary()
	if strings.ContainsAny(got, "\n\x1b") || !utf8.ValidString(got) || len(got) > 200 || !strings.HasSuffix(got, " (and 1 more)") {
		t.Errorf("%q", got)
	}
}
