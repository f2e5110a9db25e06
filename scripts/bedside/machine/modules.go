package machine

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// modules are those of one kernel.
type modules struct {
	dir     string
	files   map[string]string // path by name
	builtin map[string]bool   // what the image has in it
}

// readModules looks through a folder that has "kernel/" and "modules.builtin".
func readModules(dir string) (*modules, error) {
	m := &modules{dir: dir, files: map[string]string{}, builtin: map[string]bool{}}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, err
	}
	for _, file := range strings.Fields(string(list)) {
		m.builtin[moduleName(file)] = true
	}
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(file, ".ko") {
			m.files[moduleName(file)] = file
		}
		return err
	})
	return m, err
}

// moduleName returns what the kernel calls the module in a file: '-' and '_' are
// one to it.
func moduleName(file string) string {
	return strings.ReplaceAll(strings.TrimSuffix(path.Base(file), ".ko"), "-", "_")
}

// order returns the files of the named modules and of all that they need, each
// after what it needs. What is built into the image is left out.
func (m *modules) order(names []string) ([]string, error) {
	var files []string
	seen := map[string]bool{}
	var add func(name, user string) error
	add = func(name, user string) error {
		if name = moduleName(name); seen[name] || m.builtin[name] {
			return nil
		}
		seen[name] = true
		file, ok := m.files[name]
		if !ok {
			return fmt.Errorf("%s has no module %q, which %s needs", m.dir, name, user)
		}
		needs, err := depends(file)
		if err != nil {
			return err
		}
		for _, need := range needs {
			if err := add(need, name); err != nil {
				return err
			}
		}
		files = append(files, file)
		return nil
	}
	for _, name := range names {
		if err := add(name, "the gateway"); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// depends reads the names of the modules that a module needs from its section
// ".modinfo": texts "key=value" that end in NUL. That is where depmod(8) has them
// from, which a kernel that is only unpacked has not seen.
func depends(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", file, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("%s is not a kernel module", file)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %v", file, err)
	}
	for _, text := range bytes.Split(info, []byte{0}) {
		if list, ok := strings.CutPrefix(string(text), "depends="); ok {
			return strings.FieldsFunc(list, func(r rune) bool { return r == ',' }), nil
		}
	}
	return nil, nil
}
