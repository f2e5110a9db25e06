package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestModules looks at the real kernels: what a gateway needs is there, and each
// module comes after what it needs.
func TestModules(t *testing.T) {
	for _, arch := range []string{"arm64", "armv7"} {
		t.Run(arch, func(t *testing.T) {
			k, err := FindKernel(arch)
			if err != nil {
				t.Fatal(err)
			}
			m, err := readModules(k.modules)
			if err != nil {
				t.Fatal(err)
			}
			files, err := m.order(gatewayModules)
			if err != nil {
				t.Fatal(err)
			}
			var loaded []string
			for _, file := range files {
				needs, err := depends(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, need := range needs {
					if need = moduleName(need); !m.builtin[need] && !slices.Contains(loaded, need) {
						t.Errorf("%s comes before %s", moduleName(file), need)
					}
				}
				loaded = append(loaded, moduleName(file))
			}
			for _, name := range gatewayModules {
				if !m.builtin[name] && !slices.Contains(loaded, name) {
					t.Errorf("%s is not loaded", name)
				}
			}
		})
	}
}

func TestModulesRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := readModules(dir); err == nil {
		t.Error("a folder without modules.builtin was taken")
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("modules.builtin", "kernel/lib/built-in.ko\n")
	write("torn.ko", "\x7fELF and no more")
	m, err := readModules(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want string }{
		{"built_in", ""}, {"built-in", ""}, {"absent", "no module"}, {"torn", "torn.ko"},
	} {
		_, err := m.order([]string{c.name})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestFindKernelSaysWhatToRun(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := FindKernel("arm64")
	if err == nil || !strings.Contains(err.Error(), "scripts/kernels arm64") {
		t.Errorf("%v", err)
	}
}
