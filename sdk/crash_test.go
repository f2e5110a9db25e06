package sdk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// TestChainBeforeACrashIsVouchedFor opens a pipeline on what a power cut leaves,
// a copy of the directories of one that runs. A receiver that has never heard of
// the device takes the chain before, because the next one names it.
func TestChainBeforeACrashIsVouchedFor(t *testing.T) {
	t.Parallel()
	w := sdktest.NewWard(t, "oximeter")
	conf := w.Config()
	w.Broker.Kill()
	p := w.Open(conf)
	d := w.Device(p, "oximeter")
	for i := range 100 {
		must(t, d.Record(spo2(i)))
	}
	must(t, p.Sync(context.Background()))
	image := t.TempDir()
	must(t, os.CopyFS(filepath.Join(image, "gateway"), os.DirFS(conf.Identity)))
	must(t, os.CopyFS(filepath.Join(image, "data"), os.DirFS(conf.Data)))
	private(t, image)
	w.CloseAtOnce(p)

	w.Broker.Start()
	got := w.ReceiveWith(sdk.ReceiverConfig{AcceptPast: true})
	conf.Identity, conf.Data = filepath.Join(image, "gateway"), filepath.Join(image, "data")
	again := w.Open(conf)
	w.Device(again, "oximeter")
	got.Until("what was synced before the crash", func(f *sdktest.Found) bool { return len(f.Numerics) >= 100 })
	w.Close(again)
	got.EachOnce(100)
}

// private gives a copy permissions that an identity may have; CopyFS widens them.
func private(t *testing.T, dir string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return errors.Join(err, os.Chmod(path, 0o600))
		}
		return os.Chmod(path, 0o700)
	}))
}
