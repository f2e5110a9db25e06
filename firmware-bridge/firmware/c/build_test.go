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
	"seal_test": {"test/check.c", "test/seal_rig.c", "test/seal_test.c", "src/cbor.c", "src/text.c", "src/envelope.c", "src/kdf.c",
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

// binariesEnv tells the fuzzer's workers, which inherit it, where the programs
// are that the process before them has compiled.
const binariesEnv = "VITALSEAL_C_BINARIES"

func TestMain(m *testing.M) {
	if dir := os.Getenv(binariesEnv); dir != "" {
		binaries = &built{dir: dir, done: map[string]error{"peer": nil}}
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "vitalseal-c")
	if err == nil {
		err = os.Setenv(binariesEnv, dir)
	}
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
// warning with each compiler there is; headers as C++ too.
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
		args := append(append([]string{}, strict...), "-Iinclude", "-fsyntax-only")
		compile(t, cc, args, append(library(t), "adapter/psa.c"))
		compile(t, cc, append(args, "-x", "c"), headers)
		if exec.Command(cc, "-x", "c++", "-fsyntax-only", os.DevNull).Run() == nil {
			compile(t, cc, []string{"-std=c++11", "-pedantic", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-fsyntax-only", "-x", "c++"}, headers)
		}
	}
	t.Logf("%v on %s", compilers, runtime.GOARCH)
}

func compile(t *testing.T, cc string, args, files []string) {
	t.Helper()
	if text, err := exec.Command(cc, append(append([]string{}, args...), files...)...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", cc, err, text)
	}
}

// objects compiles the library as a vendor does and returns the directory. Some
// warnings come only here, with data flow.
func objects(t *testing.T, cc string, level string) string {
	t.Helper()
	dir := t.TempDir()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	args := append(append([]string{}, strict...), level, "-I"+filepath.Join(here, "include"), "-c")
	for _, file := range library(t) {
		args = append(args, filepath.Join(here, file))
	}
	cmd := exec.Command(cc, args...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", cc, level, err, text)
	}
	return dir
}

// TestNoLibraryCalls: the library wants of its surroundings only what a
// freestanding compiler assumes anyway: no heap, no stdio.
func TestNoLibraryCalls(t *testing.T) {
	allowed := map[string]bool{"memcpy": true, "memmove": true, "memset": true, "memcmp": true, "strlen": true,
		"_GLOBAL_OFFSET_TABLE_": true, "__stack_chk_fail": true} // of gcc as Debian builds it
	for _, level := range []string{"-Os", "-O2"} {
		paths, err := filepath.Glob(filepath.Join(objects(t, "gcc", level), "*.o"))
		if err != nil || len(paths) != len(library(t)) {
			t.Fatalf("%d objects, %v", len(paths), err)
		}
		text, err := exec.Command("nm", append([]string{"-u"}, paths...)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			symbol, ok := strings.CutPrefix(strings.TrimSpace(line), "U ")
			if ok && !strings.HasPrefix(symbol, "vs_") && !allowed[symbol] {
				t.Errorf("%s: the library calls %s", level, symbol)
			}
		}
	}
}
