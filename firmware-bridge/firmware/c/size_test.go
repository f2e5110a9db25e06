package c_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// measuredWith is the compiler whose numbers README.md shows.
const measuredWith = "12.2.1"

var cortexM3 = []string{"-std=c99", "-Os", "-mcpu=cortex-m3", "-mthumb", "-Iinclude"}

// costs are the rows of README.md's table: what a vendor links, and the functions
// whose stack is measured.
var costs = []struct {
	what  string
	files []string
	calls []string
}{
	{"readings", readings, []string{"vs_batch_encode"}},
	{"envelope, without `cbor.c` and `text.c` above", []string{"src/envelope.c", "src/kdf.c", "src/record.c", "src/seal.c"}, []string{"vs_begin", "vs_seal"}},
	{"store in two sectors of flash", []string{"src/flash.c"}, []string{"src/flash.c:flash_write"}},
}

// TestSize measures flash for each object and stack for each call on a Cortex-M3,
// and holds README.md to what it finds.
func TestSize(t *testing.T) {
	dir := t.TempDir()
	graph := callGraph{stack: map[string]int{}, calls: map[string][]string{}}
	text := map[string]int{}
	for _, file := range library(t) {
		object := filepath.Join(dir, filepath.Base(file)+".o")
		args := append(append([]string{}, cortexM3...), "-fcallgraph-info=su", "-c", "-o", object, file)
		if out, err := exec.Command("arm-none-eabi-gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("arm-none-eabi-gcc (packages gcc-arm-none-eabi and libnewlib-arm-none-eabi): %v\n%s", err, out)
		}
		text[file] = textSize(t, object)
		graph.read(t, strings.TrimSuffix(object, ".o")+".ci")
	}
	for file, n := range text {
		t.Logf("%-22s %5d bytes", file, n)
	}
	table := costTable(t, text, &graph)
	t.Logf("\n%s", table)
	version, err := exec.Command("arm-none-eabi-gcc", "-dumpfullversion").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(version)); got != measuredWith {
		t.Logf("README.md's table is of gcc %s, this is %s", measuredWith, got)
		return
	}
	readme, err := os.ReadFile("README.md")
	if err != nil || !strings.Contains(string(readme), table) {
		t.Errorf("README.md does not show this table (error %v):\n%s", err, table)
	}
}

func costTable(t *testing.T, text map[string]int, graph *callGraph) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("| part | flash | stack |\n|---|---|---|\n")
	for _, c := range costs {
		size := 0
		for _, file := range c.files {
			size += text[file]
		}
		var stack []string
		for _, call := range c.calls {
			name := call[strings.LastIndex(call, ":")+1:]
			stack = append(stack, fmt.Sprintf("`%s` %d", name, graph.deepest(t, call)))
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", c.what, size, strings.Join(stack, ", "))
	}
	return b.String()
}

// textSize returns the bytes of code and constants of an object; it may have no
// others.
func textSize(t *testing.T, object string) int {
	t.Helper()
	out, err := exec.Command("arm-none-eabi-size", object).Output()
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(strings.Split(string(out), "\n")[1])
	n, err := strconv.Atoi(f[0])
	if err != nil {
		t.Fatal(err)
	}
	if f[1] != "0" || f[2] != "0" {
		t.Errorf("%s has state of its own: data %s, bss %s", filepath.Base(object), f[1], f[2])
	}
	return n
}

// callGraph is what gcc writes with -fcallgraph-info=su.
type callGraph struct {
	stack map[string]int
	calls map[string][]string
}

var (
	graphNode = regexp.MustCompile(`^node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes \((static|dynamic[^)]*)\)`)
	graphEdge = regexp.MustCompile(`^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"`)
)

func (g *callGraph) read(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if m := graphNode.FindStringSubmatch(line); m != nil {
			if m[3] != "static" {
				t.Errorf("%s has a stack frame of no fixed size", m[1])
			}
			g.stack[m[1]], err = strconv.Atoi(m[2])
			if err != nil {
				t.Fatal(err)
			}
		} else if m := graphEdge.FindStringSubmatch(line); m != nil {
			g.calls[m[1]] = append(g.calls[m[1]], m[2])
		}
	}
}

// deepest returns the stack of a call without what the seams call takes.
func (g *callGraph) deepest(t *testing.T, name string) int {
	t.Helper()
	return g.walk(t, name, 0)
}

func (g *callGraph) walk(t *testing.T, name string, level int) int {
	if level > 40 {
		t.Fatalf("%s is recursive", name)
	}
	most := 0
	for _, callee := range g.calls[name] {
		most = max(most, g.walk(t, callee, level+1))
	}
	return g.stack[name] + most
}
