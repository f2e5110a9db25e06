package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// This is the part of testscript (github.com/rogpeppe/go-internal) that the
// scripts here use, in its syntax and with its names. It stands in for it because
// that library needs a module (golang.org/x/tools) that this one does not have.

// script is one run of one file of testdata/script.
type script struct {
	t     *testing.T
	dir   string // working directory, which $WORK names
	env   []string
	where string // file:line

	stdin          string
	stdout, stderr string
	background     map[string]*process
}

type process struct {
	cmd            *exec.Cmd
	neg            bool
	stdout, stderr bytes.Buffer
	ended          bool
}

// scripts runs every file of a directory as a test of its own.
func scripts(t *testing.T, dir string, extra map[string]func(*script, bool, []string)) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %q: %v", dir, err)
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(bin, "vitalseal"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			work := t.TempDir()
			ts := &script{t: t, dir: work, background: map[string]*process{}, env: []string{
				"WORK=" + work, "HOME=/no-home", "TMPDIR=" + work,
				"PATH=" + bin + ":" + os.Getenv("PATH"),
				"GORACE=atexit_sleep_ms=0", // or a race build takes a second to end
			}}
			t.Cleanup(ts.end)
			ts.run(file, extra)
		})
	}
}

func (ts *script) run(file string, extra map[string]func(*script, bool, []string)) {
	text, err := os.ReadFile(file)
	ts.Check(err)
	lines := ts.unpack(string(text))
	for i, line := range lines {
		ts.where = fmt.Sprintf("%s:%d", file, i+1)
		words := ts.words(line)
		if len(words) == 0 {
			continue
		}
		neg := words[0] == "!"
		if neg {
			words = words[1:]
		}
		f := builtin(words[0])
		if f == nil {
			f = extra[words[0]]
		}
		if f == nil {
			ts.Fatalf("unknown command %q", words[0])
		}
		f(ts, neg, words[1:])
	}
}

// unpack writes the files of the archive and returns the lines above them.
func (ts *script) unpack(text string) []string {
	marker := regexp.MustCompile(`(?m)^-- (.+) --\n`)
	at := marker.FindAllStringSubmatchIndex(text, -1)
	commands := text
	for i, m := range at {
		if i == 0 {
			commands = text[:m[0]]
		}
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		path := ts.MkAbs(text[m[2]:m[3]])
		ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
		ts.Check(os.WriteFile(path, []byte(text[m[1]:end]), 0o644))
	}
	return strings.Split(commands, "\n")
}

// words splits a line at blanks outside of single quotes, expands $NAME and
// ${NAME@R} (quoted for a pattern) there, and drops a comment.
func (ts *script) words(line string) []string {
	var words []string
	var word strings.Builder
	in, quoted := false, false
	flush := func() {
		if in {
			words = append(words, word.String())
		}
		word.Reset()
		in = false
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\'':
			if quoted && i+1 < len(line) && line[i+1] == '\'' {
				word.WriteByte(c)
				i++
				continue
			}
			quoted, in = !quoted, true
		case quoted:
			word.WriteByte(c)
		case c == '#':
			flush()
			return words
		case c == ' ' || c == '\t':
			flush()
		case c == '$':
			m := regexp.MustCompile(`^\$(?:\{(\w+)(@R)?\}|(\w+))`).FindStringSubmatch(line[i:])
			if m == nil {
				ts.Fatalf("what is %q?", line[i:])
			}
			value := ts.Getenv(m[1] + m[3])
			if m[2] != "" {
				value = regexp.QuoteMeta(value)
			}
			word.WriteString(value)
			i, in = i+len(m[0])-1, true
		default:
			word.WriteByte(c)
			in = true
		}
	}
	flush()
	return words
}

// Fatalf ends the test.
func (ts *script) Fatalf(format string, args ...any) {
	ts.t.Helper()
	ts.t.Fatalf("%s: %s\nstdout of the last command:\n%s\nstderr:\n%s", ts.where, fmt.Sprintf(format, args...), ts.stdout, ts.stderr)
}

// Logf is shown if the test fails.
func (ts *script) Logf(format string, args ...any) { ts.t.Logf(format, args...) }

// Defer has f called when the script has ended.
func (ts *script) Defer(f func()) { ts.t.Cleanup(f) }

// Check ends the test if there is an error.
func (ts *script) Check(err error) {
	ts.t.Helper()
	if err != nil {
		ts.Fatalf("%v", err)
	}
}

// MkAbs returns a path in the working directory.
func (ts *script) MkAbs(file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(ts.dir, file)
}

// Setenv sets a variable of this script.
func (ts *script) Setenv(key, value string) { ts.env = append(ts.env, key+"="+value) }

// Getenv returns a variable of this script.
func (ts *script) Getenv(key string) string {
	for _, pair := range slices.Backward(ts.env) {
		if value, ok := strings.CutPrefix(pair, key+"="); ok {
			return value
		}
	}
	return ""
}

// ReadFile reads a file, or the output of the last command.
func (ts *script) ReadFile(file string) string {
	switch file {
	case "stdout":
		return ts.stdout
	case "stderr":
		return ts.stderr
	}
	data, err := os.ReadFile(ts.MkAbs(file))
	ts.Check(err)
	return string(data)
}

// end ends what still runs in the background.
func (ts *script) end() {
	for name, p := range ts.background {
		if !p.ended {
			_ = p.cmd.Process.Kill() // it may have ended
			_ = p.cmd.Wait()         // its status is that of the signal
		}
		if ts.t.Failed() {
			ts.t.Logf("background %s\nstdout:\n%s\nstderr:\n%s", name, p.stdout.String(), p.stderr.String())
		}
	}
}

func builtin(name string) func(*script, bool, []string) {
	switch name {
	case "exec":
		return (*script).exec
	case "wait":
		return (*script).wait
	case "kill":
		return (*script).kill
	case "stdin":
		return func(ts *script, _ bool, args []string) { ts.stdin = ts.ReadFile(args[0]) }
	case "stdout", "stderr":
		return func(ts *script, neg bool, args []string) { ts.grep(neg, append(args, name)) }
	case "grep":
		return (*script).grep
	case "cmp":
		return func(ts *script, neg bool, args []string) {
			if a, b := ts.ReadFile(args[0]), ts.ReadFile(args[1]); (a == b) == neg {
				ts.Fatalf("%s and %s\n%s\n---\n%s", args[0], args[1], a, b)
			}
		}
	case "exists":
		return (*script).exists
	case "chmod":
		return func(ts *script, _ bool, args []string) {
			mode, err := strconv.ParseUint(args[0], 8, 32)
			ts.Check(err)
			ts.Check(os.Chmod(ts.MkAbs(args[1]), os.FileMode(mode)))
		}
	case "cp":
		return func(ts *script, _ bool, args []string) {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(ts.ReadFile(args[0])), 0o600))
		}
	case "rm":
		return func(ts *script, _ bool, args []string) { ts.Check(os.RemoveAll(ts.MkAbs(args[0]))) }
	case "mkdir":
		return func(ts *script, _ bool, args []string) { ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o755)) }
	}
	return nil
}

// exec runs a program; a last word &NAME& puts it into the background.
func (ts *script) exec(neg bool, args []string) {
	name := ""
	if last := args[len(args)-1]; len(last) > 2 && last[0] == '&' && last[len(last)-1] == '&' {
		name, args = last[1:len(last)-1], args[:len(args)-1]
	}
	p := &process{neg: neg}
	program := args[0]
	if program == "vitalseal" { // in this script's PATH, not the test's
		bin, _, _ := strings.Cut(ts.Getenv("PATH"), ":")
		program = filepath.Join(bin, program)
	}
	p.cmd = exec.Command(program, args[1:]...)
	p.cmd.Dir, p.cmd.Env = ts.dir, ts.env
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(ts.stdin), &p.stdout, &p.stderr
	ts.stdin = ""
	ts.Check(p.cmd.Start())
	if name != "" {
		ts.background[name] = p
		return
	}
	ts.finish(p)
}

func (ts *script) finish(p *process) {
	err := p.cmd.Wait()
	p.ended = true
	ts.stdout, ts.stderr = p.stdout.String(), p.stderr.String()
	var status *exec.ExitError
	if err != nil && !errors.As(err, &status) {
		ts.Fatalf("%v: %v", p.cmd.Args, err)
	}
	if (err == nil) == p.neg {
		ts.Fatalf("%v: unexpected end: %v", p.cmd.Args, p.cmd.ProcessState)
	}
}

func (ts *script) named(name string) *process {
	p := ts.background[name]
	if p == nil {
		ts.Fatalf("nothing in the background is called %q", name)
	}
	return p
}

func (ts *script) wait(_ bool, args []string) { ts.finish(ts.named(args[0])) }

// kill sends SIGINT, with -INT, or SIGKILL.
func (ts *script) kill(_ bool, args []string) {
	signal := syscall.SIGKILL
	if args[0] == "-INT" {
		signal = syscall.SIGINT
	}
	ts.Check(ts.named(args[len(args)-1]).cmd.Process.Signal(signal))
}

// grep looks for a pattern, [-count=N] PATTERN FILE.
func (ts *script) grep(neg bool, args []string) {
	count := -1
	if text, ok := strings.CutPrefix(args[0], "-count="); ok {
		n, err := strconv.Atoi(text)
		ts.Check(err)
		count, args = n, args[1:]
	}
	pattern, err := regexp.Compile(`(?m)` + args[0])
	ts.Check(err)
	switch n := len(pattern.FindAllString(ts.ReadFile(args[1]), -1)); {
	case neg && n > 0:
		ts.Fatalf("%q is in %s", args[0], args[1])
	case !neg && n == 0 && count != 0, count >= 0 && n != count:
		ts.Fatalf("%q is %d times in %s:\n%s", args[0], n, args[1], ts.ReadFile(args[1]))
	}
}

func (ts *script) exists(neg bool, args []string) {
	for _, file := range args {
		if _, err := os.Stat(ts.MkAbs(file)); (err == nil) == neg {
			ts.Fatalf("%q exists: %v", file, err == nil)
		}
	}
}
