package readme_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// blocks returns the fenced blocks that a comment with the given first word
// stands before, with the rest of that comment.
func blocks(t *testing.T, word string) (notes, bodies []string) {
	t.Helper()
	found := regexp.MustCompile("(?s)<!-- "+word+"(.*?) -->\n```[a-z]*\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(found) == 0 {
		t.Fatalf("the README has no block that is marked %q", word)
	}
	for _, f := range found {
		notes, bodies = append(notes, strings.Trim(f[1], ": ")), append(bodies, f[2])
	}
	return notes, bodies
}

// TestSnippetsAreExamples compares the README's Go with the body of the example
// that it names, which the compiler has seen.
func TestSnippetsAreExamples(t *testing.T) {
	names, bodies := blocks(t, "example")
	source := read(t, "sdk/example_test.go")
	for i, name := range names {
		_, rest, found := strings.Cut(source, "\nfunc "+name+"() {\n")
		body, _, closed := strings.Cut(rest, "\n}\n")
		if !found || !closed {
			t.Errorf("sdk/example_test.go has no %s", name)
			continue
		}
		want := regexp.MustCompile(`(?m)^\t`).ReplaceAllString(body, "") + "\n"
		if bodies[i] != want {
			t.Errorf("the README shows\n%s\nand %s is\n%s", bodies[i], name, want)
		}
	}
}

// TestCommandsRun runs the blocks of commands in an empty directory.
func TestCommandsRun(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-buildvcs=false", "-o", filepath.Join(bin, "vitalseal"), "./agent/vitalseal")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, bodies := blocks(t, "run")
	dir := t.TempDir()
	for _, body := range bodies {
		cmd := exec.Command("bash", "-euxo", "pipefail", "-c", body)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), fmt.Sprintf("PATH=%s:%s", bin, os.Getenv("PATH")))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// TestLinksLead checks that every relative link in the documents has a file.
func TestLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, doc := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, doc), -1) {
			target := filepath.Join(root, filepath.Dir(doc), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", doc, m[1], err)
			}
		}
	}
}

func documents(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	return strings.Fields(string(out))
}

// TestScriptsAreListed checks that the README names every script.
func TestScriptsAreListed(t *testing.T) {
	readme := read(t, "README.md")
	entries, err := os.ReadDir(filepath.Join(root, "scripts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() || e.Name() == "install" {
			continue // install is run by test
		}
		if !strings.Contains(readme, "`"+e.Name()+"`") && !strings.Contains(readme, "scripts/"+e.Name()) {
			t.Errorf("the README does not name scripts/%s", e.Name())
		}
	}
}
