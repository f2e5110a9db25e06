package c_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// strict are the flags under which the library has to compile without a word.
var strict = []string{"-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow"}

// sanitized are those of the tests. Anything that a sanitizer finds ends the program.
var sanitized = []string{"-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
	"-D_POSIX_C_SOURCE=200809L", "-Iinclude", "-Isrc", "-Itest"}

var (
	readings  = []string{"src/cbor.c", "src/text.c", "src/validate.c", "src/samples.c", "src/numerics.c", "src/vital.c"}
	envelopes = []string{"src/cbor.c", "src/text.c", "src/envelope.c", "src/kdf.c", "src/record.c", "src/seal.c", "src/flash.c"}
	psa       = []string{"adapter/psa.c", "-lmbedcrypto"} // libmbedtls-dev
)

// programs are the test programs and their sources.
var programs = map[string][]string{
	"vital_test": append([]string{"test/check.c", "test/listing.c", "test/vital_test.c"}, readings...),
	"seal_test": {"test/check.c", "test/seal_test.c", "src/cbor.c", "src/text.c", "src/envelope.c", "src/kdf.c",
		"src/record.c", "adapter/psa.c", "-lmbedcrypto"}, // has src/seal.c in it
	"flash_test": append(append([]string{"test/check.c", "test/flash_test.c"}, envelopes...), psa...),
	"peer":       append(append([]string{"test/check.c", "test/listing.c", "test/peer.c"}, union(readings, envelopes)...), psa...),
}

func union(a, b []string) []string {
	all := append([]string(nil), a...)
	for _, s := range b {
		if !strings.Contains(strings.Join(a, " "), s) {
			all = append(all, s)
		}
	}
	return all
}

// built holds what TestMain's directory has of programs so far.
type built struct {
	mu   sync.Mutex
	dir  string
	done map[string]error
}

// binaries is written by TestMain alone, before any test.
var binaries *built

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "vitalseal-c")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries = &built{dir: dir, done: map[string]error{}}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// program compiles a program once and returns its path.
func program(t testing.TB, name string) string {
	t.Helper()
	binaries.mu.Lock()
	defer binaries.mu.Unlock()
	path := filepath.Join(binaries.dir, name)
	err, ok := binaries.done[name]
	if !ok {
		args := append(append(append([]string{}, strict...), sanitized...), "-o", path)
		text, failed := exec.Command("gcc", append(args, programs[name]...)...).CombinedOutput()
		if failed != nil {
			err = fmt.Errorf("gcc (packages gcc and libmbedtls-dev): %v\n%s", failed, text)
		}
		binaries.done[name] = err
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a program that tests itself and returns what it printed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	text, err := exec.Command(program(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return string(text)
}

// library returns the library's own files: no tests, no adapter.
func library(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("src/*.c")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	return files
}

// TestCompiles: every source and, by itself, every header compiles without a
// warning, optimised and not, with each compiler there is; headers as C++ too.
func TestCompiles(t *testing.T) {
	compilers := []string{"gcc"}
	if _, err := exec.LookPath("clang"); err == nil {
		compilers = append(compilers, "clang")
	}
	headers, err := filepath.Glob("include/vitalseal/*.h")
	if err != nil || len(headers) == 0 {
		t.Fatalf("no headers: %v", err)
	}
	for _, cc := range compilers {
		for _, level := range []string{"-O0", "-O2", "-Os"} {
			args := append(append([]string{}, strict...), level, "-Iinclude", "-fsyntax-only")
			if level != "-O0" { // some warnings come with data flow, for which code has to be made
				args = append(args[:len(args)-1], "-c")
			}
			compileAll(t, cc, args, append(library(t), "adapter/psa.c"))
		}
		compileAll(t, cc, append(append([]string{}, strict...), "-Iinclude", "-fsyntax-only", "-x", "c"), headers)
		compileAll(t, cc, []string{"-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-fsyntax-only", "-x", "c++"}, cxx(headers))
	}
	t.Logf("%v on %s", compilers, runtime.GOARCH)
}

// cxx returns the headers if there is a C++ compiler behind gcc.
func cxx(headers []string) []string {
	if exec.Command("gcc", "-x", "c++", "-fsyntax-only", os.DevNull).Run() != nil {
		return nil
	}
	return headers
}

func compileAll(t *testing.T, cc string, args, files []string) {
	t.Helper()
	for _, file := range files {
		if text, err := exec.Command(cc, append(append([]string{}, args...), file, "-o", os.DevNull)...).CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", cc, file, err, text)
		}
	}
}

// TestNoLibraryCalls: the library wants of its surroundings only what a
// freestanding compiler assumes anyway: no heap, no stdio.
func TestNoLibraryCalls(t *testing.T) {
	allowed := map[string]bool{"memcpy": true, "memmove": true, "memset": true, "memcmp": true, "strlen": true}
	dir := t.TempDir()
	for _, file := range library(t) {
		object := filepath.Join(dir, filepath.Base(file)+".o")
		args := append(append([]string{}, strict...), "-Os", "-Iinclude", "-c", "-o", object, file)
		if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		text, err := exec.Command("nm", "-u", object).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, symbol := range strings.Fields(string(text)) {
			if symbol != "U" && !strings.HasPrefix(symbol, "vs_") && !allowed[symbol] && symbol != "_GLOBAL_OFFSET_TABLE_" && symbol != "__stack_chk_fail" {
				t.Errorf("%s calls %s", file, symbol)
			}
		}
	}
}
