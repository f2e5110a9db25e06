package layers_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/scripts/layers"
)

const module = "github.com/vitalseal/vitalseal/"

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// list lists this module's packages with the imports of their non-test files.
func list(t *testing.T, tags string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-tags="+tags, "-json=ImportPath,Standard,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// matches reports whether a pattern of the table covers a package.
func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == tree || strings.HasPrefix(name, tree+"/")
	}
	return name == pattern
}

// layerOf returns the row for a package: an exact one before one that ends in
// "/...".
func layerOf(name string) (layers.Layer, bool) {
	for _, exact := range []bool{true, false} {
		for _, l := range layers.Table {
			if (l.Package == name) == exact && matches(l.Package, name) {
				return l, true
			}
		}
	}
	return layers.Layer{}, false
}

func TestLayers(t *testing.T) {
	for _, tags := range []string{"", "tinygo"} {
		packages := list(t, tags)
		if len(packages) < 5 {
			t.Fatalf("go list found %d packages", len(packages))
		}
		for _, p := range packages {
			name := strings.TrimPrefix(p.ImportPath, module)
			layer, ok := layerOf(name)
			if !ok {
				t.Errorf("%s is in no layer: give it a row in scripts/layers/table.go", name)
				continue
			}
			for _, imported := range p.Imports {
				if why := forbidden(layer, imported); why != "" {
					t.Errorf("floor %d: %s imports %s: %s", layer.Floor, name, imported, why)
				}
			}
		}
	}
}

func forbidden(l layers.Layer, imported string) string {
	if name, ours := strings.CutPrefix(imported, module); ours {
		if !slices.ContainsFunc(l.Imports, func(p string) bool { return matches(p, name) }) {
			return "not in its row"
		}
		if below, ok := layerOf(name); ok && below.Floor > l.Floor {
			return "it is on a floor above"
		}
		return ""
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		if l.Std != nil && !slices.Contains(l.Std, imported) {
			return "not among the packages of the standard library that the core may use"
		}
		return ""
	}
	if !slices.ContainsFunc(l.Modules, func(m string) bool { return matches(m+"/...", imported) }) {
		return "its row names no such module"
	}
	return ""
}

// TestForbidden keeps the test above from passing because it looks at nothing.
func TestForbidden(t *testing.T) {
	core, _ := layerOf("sdk/core/seal")
	for _, imported := range []string{"fmt", "time", "sync", module + "sdk/core/vital", module + "sdk/mqtt", "github.com/fxamacker/cbor/v2"} {
		if forbidden(core, imported) == "" {
			t.Errorf("sdk/core/seal may import %s", imported)
		}
	}
	for _, imported := range []string{"errors", module + "sdk/core/cbor", module + "sdk/core/keys"} {
		if why := forbidden(core, imported); why != "" {
			t.Errorf("sdk/core/seal may not import %s: %s", imported, why)
		}
	}
}

// TestCoreStaysOffTheClock reads the core's sources for what imports do not
// show: goroutines, maps and package initialisers.
func TestCoreStaysOffTheClock(t *testing.T) {
	for _, dir := range []string{"cbor", "vital", "keys", "seal"} {
		entries, err := os.ReadDir("../../sdk/core/" + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			checkSource(t, "../../sdk/core/"+dir+"/"+e.Name())
		}
	}
}

func checkSource(t *testing.T, path string) {
	t.Helper()
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(source), "\n") {
		code, _, _ := strings.Cut(line, "//")
		for _, word := range []string{"\tgo ", "go func", "map[", "func init()", "println("} {
			if strings.Contains(code, word) {
				t.Errorf("%s:%d has %q, which the core does without", path, i+1, word)
			}
		}
	}
}
