package machine

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Kernel is a kernel that scripts/kernels unpacked.
type Kernel struct {
	Version string // the package, "linux-image-6.1.0-56-arm64_6.1.192-2_arm64"
	Image   string // absolute path, which QEMU wants

	modules string
}

// FindKernel returns the kernel of a gateway, "arm64" or "armv7".
func FindKernel(gateway string) (*Kernel, error) {
	cache := os.Getenv("XDG_CACHE_HOME")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, err
		}
		cache = filepath.Join(home, ".cache")
	}
	dir, err := filepath.Abs(filepath.Join(cache, "vitalseal", "kernels", gateway))
	if err != nil {
		return nil, err
	}
	version, err := os.ReadFile(filepath.Join(dir, "version"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no kernel in %s: run scripts/kernels %s, which downloads Debian's", dir, gateway)
	}
	if err != nil {
		return nil, err
	}
	return &Kernel{
		Version: strings.TrimSpace(string(version)),
		Image:   filepath.Join(dir, "vmlinuz"), modules: filepath.Join(dir, "modules"),
	}, nil
}

// gatewayModules are what a gateway needs of its kernel: the disk, the network and
// an FTDI adapter on USB. ext4 asks for crc32c by a name that is not a module's.
var gatewayModules = []string{
	"virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4", "xhci_pci", "usbserial", "ftdi_sio",
}

// ModuleFolder is where the initramfs has the modules. Their names begin with
// three digits; they are loaded in the order of their names.
const ModuleFolder = "modules"

// Initramfs returns a compressed initramfs with init as /init, further programs by
// their paths, and the modules that a gateway needs, and others.
func (k *Kernel) Initramfs(init string, programs map[string]string, others ...string) ([]byte, error) {
	var out bytes.Buffer
	// A fast level: unpacking is what takes time, and takes the same with any.
	zip, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	a := NewArchive(zip)
	for _, folder := range []string{"dev", "proc", "sys", "run", "tmp", "var", ModuleFolder} {
		if err := a.Folder(folder); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(a.Device("dev/console", 5, 1), addPrograms(a, init, programs), k.addModules(a, others), a.Close(), zip.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func addPrograms(a *Archive, init string, programs map[string]string) error {
	content, err := os.ReadFile(init)
	if err != nil {
		return err
	}
	if err := a.Program("init", content); err != nil {
		return err
	}
	for name, file := range programs {
		if content, err = os.ReadFile(file); err != nil {
			return err
		}
		if err := a.Program(name, content); err != nil {
			return err
		}
	}
	return nil
}

func (k *Kernel) addModules(a *Archive, others []string) error {
	m, err := readModules(k.modules)
	if err != nil {
		return err
	}
	files, err := m.order(append(slices.Clone(gatewayModules), others...))
	if err != nil {
		return err
	}
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := a.File(fmt.Sprintf("%s/%03d-%s", ModuleFolder, i, filepath.Base(file)), content); err != nil {
			return err
		}
	}
	return nil
}
