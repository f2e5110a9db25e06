package readme_test

import (
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
)

// TestEverySensorIsNamed compares the table of sensors with the catalogue.
func TestEverySensorIsNamed(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "README.md"), "\n## Which sensors\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, name := range sensor.Names() {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("the table of sensors has no %s", name)
		}
	}
}
