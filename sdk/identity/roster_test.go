package identity_test

import (
	"crypto/ed25519"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	fxcbor "github.com/fxamacker/cbor/v2"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

func TestRosterOfOthersIsRefused(t *testing.T) {
	r, other := newRig(t), newRig(t)
	signed := r.site.Roster().Signed()
	roster, err := identity.ParseRoster(signed, r.site.Public)
	if err != nil || len(roster.Devices) != 3 || len(roster.Recipients) != 2 || roster.Serial != r.site.Roster().Serial {
		t.Fatalf("%+v, %v", roster, err)
	}
	_, err = identity.ParseRoster(signed, other.site.Public) // the same name, another key
	wantError(t, err, identity.ErrRoster)
	_, err = identity.ParseRoster(signed, identity.SitePublic{Name: "ward-4", Key: r.site.Public.Key})
	wantError(t, err, identity.ErrRoster, "ward-3", "ward-4")
	_, err = identity.ParseRoster(signed, identity.SitePublic{})
	wantError(t, err, identity.ErrRoster)
}

// Every single-bit change and every truncation is refused.
func TestAlteredRosterIsRefused(t *testing.T) {
	r := newRig(t)
	r.must(r.site.RemoveRecipient("station")) // its 1,216 bytes teach nothing more
	signed := r.site.Roster().Signed()
	for i := range signed {
		bad := slices.Clone(signed)
		bad[i] ^= 1 << (i % 8)
		if _, err := identity.ParseRoster(bad, r.site.Public); !errors.Is(err, identity.ErrRoster) {
			t.Fatalf("bit %d of byte %d changed: %v", i%8, i, err)
		}
		if _, err := identity.ParseRoster(signed[:i], r.site.Public); !errors.Is(err, identity.ErrRoster) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := identity.ParseRoster(append(slices.Clone(signed), 0), r.site.Public); !errors.Is(err, identity.ErrRoster) {
		t.Errorf("a byte after the end: %v", err)
	}
}

// What the site key signed must still be a roster, in its one encoding.
func TestSignedNonsenseIsRefused(t *testing.T) {
	key := keys.NewEd25519(&[32]byte{1})
	site := identity.SitePublic{Name: "ward-3", Key: key.Public()}
	device := []any{-19, keys32(1), "bed-1", "gw-1", false, 1, 0, 0}
	revoked := []any{-19, keys32(2), "bed-1", "gw-1", false, 1, 0, 5}
	recipient := []any{"station", keys32(9), []byte{}}
	roster := func(edit func(r []any)) []byte {
		r := []any{1, "ward-3", 1, 1, []any{device, revoked}, []any{recipient}}
		edit(r)
		return marshal(t, r)
	}
	signer := []any{"archive", keys32(8), []byte{}, keys32(7)}
	second := func(recipients ...any) func(r []any) { return func(r []any) { r[0], r[5] = 2, recipients } }
	unsigned := []any{"station", keys32(9), []byte{}, []byte{}}
	good := roster(func([]any) {})
	accept := func(payload []byte) error {
		signed, err := identity.SignRoster(key, payload)
		if err != nil {
			t.Fatal(err)
		}
		_, err = identity.ParseRoster(signed, site)
		return err
	}
	for name, payload := range map[string][]byte{
		"version 1": good, "version 2": roster(second(signer)), "one that signs, one that does not": roster(second(unsigned, signer)),
	} {
		if err := accept(payload); err != nil {
			t.Fatalf("the good one of %s: %v", name, err)
		}
	}
	replace := func(entry []any, at int, v any) []any {
		entry = slices.Clone(entry)
		entry[at] = v
		return entry
	}
	for name, payload := range map[string][]byte{
		"empty":            {},
		"a map":            marshal(t, map[int]int{1: 1}),
		"version 0":        roster(func(r []any) { r[0] = 0 }),
		"version 3":        roster(func(r []any) { r[0], r[5] = 3, []any{signer} }),
		"none signs":       roster(second(unsigned)),
		"no recipients":    roster(second()),
		"old recipient":    roster(second(signer, recipient)),
		"new recipient":    roster(func(r []any) { r[5] = []any{signer} }),
		"short signer":     roster(second(replace(signer, 3, make([]byte, 31)))),
		"signer is null":   roster(second(signer, replace(unsigned, 3, nil))),
		"no serial":        roster(func(r []any) { r[2] = 0 }),
		"no date":          roster(func(r []any) { r[3] = 0 }),
		"date of 10000":    roster(func(r []any) { r[3] = 253402300800 }),
		"negative date":    roster(func(r []any) { r[3] = -1 }),
		"one item more":    marshal(t, []any{1, "ward-3", 1, 1, []any{}, []any{}, 0}),
		"one item less":    marshal(t, []any{1, "ward-3", 1, 1, []any{}}),
		"null for devices": roster(func(r []any) { r[4] = nil }),
		"two of one key":   roster(func(r []any) { r[4] = []any{device, replace(device, 2, "bed-2")} }),
		"two of one name":  roster(func(r []any) { r[4] = []any{device, replace(device, 1, keys32(3))} }),
		"bad device name":  roster(func(r []any) { r[4] = []any{replace(device, 2, "Bed 1")} }),
		"bad gateway name": roster(func(r []any) { r[4] = []any{replace(device, 3, "../gw")} }),
		"never added":      roster(func(r []any) { r[4] = []any{replace(device, 5, 0)} }),
		"EdDSA unpinned":   roster(func(r []any) { r[4] = []any{replace(device, 0, -8)} }),
		"huge algorithm":   roster(func(r []any) { r[4] = []any{replace(device, 0, 1<<40-19)} }),
		"short key":        roster(func(r []any) { r[4] = []any{replace(device, 1, make([]byte, 31))} }),
		"not on P-256":     roster(func(r []any) { r[4] = []any{replace(replace(device, 0, -9), 1, make([]byte, 64))} }),
		"two recipients":   roster(func(r []any) { r[5] = []any{recipient, recipient} }),
		"bad recipient":    roster(func(r []any) { r[5] = []any{replace(recipient, 1, make([]byte, 33))} }),
		"bad X-Wing key":   roster(func(r []any) { r[5] = []any{replace(recipient, 2, make([]byte, 3))} }),
		"not canonical":    append([]byte{0x98, 6}, good[1:]...),
		"long integer":     append([]byte{good[0], 0x18, 1}, good[2:]...),
		"indefinite":       append(append([]byte{0x9f}, good[1:]...), 0xff),
		"trailing":         append(slices.Clone(good), 0),
		"tagged":           append([]byte{0xc1}, good...),
	} {
		if err := accept(payload); !errors.Is(err, identity.ErrRoster) {
			t.Errorf("%s: %v, want ErrRoster", name, err)
		}
	}
}

func keys32(n byte) []byte {
	public := keys.NewEd25519(&[32]byte{n}).Public()
	return public.Bytes()
}

// The roster is the COSE_Sign1 that RFC 9052 describes, by an independent
// reading of it.
func TestRosterIsCOSESign1(t *testing.T) {
	r := newRig(t)
	var tag fxcbor.RawTag
	r.must(fxcbor.Unmarshal(r.site.Roster().Signed(), &tag))
	var message struct {
		_           struct{} `cbor:",toarray"`
		Protected   []byte
		Unprotected map[int]any
		Payload     []byte
		Signature   []byte
	}
	r.must(fxcbor.Unmarshal(tag.Content, &message))
	kid := r.site.Public.Key.ID()
	if tag.Number != 18 || len(message.Unprotected) != 0 || !slices.Equal(message.Protected, marshal(t, map[int]any{1: -19, 4: kid[:]})) {
		t.Errorf("tag %d, headers %x and %v", tag.Number, message.Protected, message.Unprotected)
	}
	signed := marshal(t, []any{"Signature1", message.Protected, []byte("VITALSEAL ROSTER"), message.Payload})
	if !ed25519.Verify(r.site.Public.Key.Bytes(), signed, message.Signature) {
		t.Error("the signature does not verify")
	}
}

func TestRosterUpdate(t *testing.T) {
	r := newRig(t)
	receiver := r.receiver("station")
	first := receiver.Roster
	same, err := receiver.ReadRoster()
	if err != nil || same.Serial != first.Serial {
		t.Fatalf("the same again: %v", err)
	}
	r.must(r.site.RevokeDevice("bed-1", day))
	next, err := receiver.ReadRoster()
	if err != nil || next.Serial != first.Serial+1 {
		t.Fatalf("serial %d after %d, %v", next.Serial, first.Serial, err)
	}
	r.must(os.WriteFile(r.path("recipients/station/roster"), first.Signed(), 0o644))
	_, err = receiver.ReadRoster()
	wantError(t, err, identity.ErrOlderRoster, "copy the roster anew")
	if receiver.Roster.Serial != next.Serial {
		t.Error("the older roster is in force")
	}
	gateway, err := identity.LoadGateway(r.path("gateways/gw-1"))
	r.must(err)
	r.must(os.WriteFile(r.path("gateways/gw-1/roster"), first.Signed(), 0o644))
	_, err = gateway.ReadRoster()
	wantError(t, err, identity.ErrOlderRoster)
	// The administrator's own directory put back from a backup.
	r.must(os.WriteFile(r.path("roster"), first.Signed(), 0o644))
	wantError(t, r.site.AddGateway("gw-2"), identity.ErrOlderRoster)
}

// Two rosters with one serial, as two copies of the site's directory make them,
// do not replace each other.
func TestTwoRostersOfOneSerial(t *testing.T) {
	key := keys.NewEd25519(&[32]byte{1})
	site := identity.SitePublic{Name: "ward-3", Key: key.Public()}
	parse := func(issued int) []byte {
		signed, err := identity.SignRoster(key, marshal(t, []any{1, "ward-3", 5, issued, []any{}, []any{}}))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	roster, err := identity.ParseRoster(parse(10), site)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := roster.Update(parse(10), site); err != nil {
		t.Errorf("the same bytes: %v", err)
	}
	_, err = roster.Update(parse(11), site)
	wantError(t, err, identity.ErrRoster, "two rosters")
}

func TestStatus(t *testing.T) {
	added, end, revoked := day, day.Add(time.Hour), day.Add(2*time.Hour)
	forever := identity.Device{Added: added}
	ending := identity.Device{Added: added, NotAfter: end}
	gone := identity.Device{Added: added, NotAfter: end, Revoked: revoked}
	for _, test := range []struct {
		device identity.Device
		at     time.Time
		want   identity.Status
	}{
		{forever, end.AddDate(100, 0, 0), identity.Valid},
		{ending, end, identity.Valid},
		{ending, end.Add(time.Second), identity.Expired},
		{gone, added, identity.Valid},
		{gone, end.Add(time.Second), identity.Expired},
		{gone, revoked, identity.Revoked},
		{gone, revoked.AddDate(1, 0, 0), identity.Revoked},
	} {
		if got := test.device.Status(test.at); got != test.want {
			t.Errorf("%+v at %v: %v, want %v", test.device, test.at, got, test.want)
		}
	}
	if _, got := (&identity.Roster{}).Lookup(keys.KeyID{1}, day); got != identity.Unknown || got.String() != "unknown" {
		t.Errorf("a stranger is %v", got)
	}
}

func TestSitePublic(t *testing.T) {
	site := identity.SitePublic{Name: "ward-3", Key: keys.NewEd25519(&[32]byte{1}).Public()}
	text := site.String()
	for _, s := range []string{text, text + "\n", text + " \r\n"} {
		if got, err := identity.ParseSitePublic(s); err != nil || got != site {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, bad := range []string{
		"", "x", text[1:], text + "A", text[:len(text)-1], text + " more", text[:20] + "\n" + text[20:],
		"vitalseal-site-2" + text[16:], "vitalseal-site-1 Ward " + text[24:], text[:len(text)-1] + "_",
	} {
		if got, err := identity.ParseSitePublic(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func FuzzParseSitePublic(f *testing.F) {
	f.Add(identity.SitePublic{Name: "ward-3", Key: keys.NewEd25519(&[32]byte{1}).Public()}.String())
	f.Fuzz(func(t *testing.T, text string) {
		site, err := identity.ParseSitePublic(text)
		if err != nil {
			return
		}
		if again, err := identity.ParseSitePublic(site.String()); err != nil || again != site {
			t.Errorf("%q reads as %v, and that as %v, %v", text, site, again, err)
		}
	})
}

// What is accepted encodes and, Ed25519 being deterministic, signs identically.
// The input is signed first: without that nothing gets past the signature.
func FuzzRoster(f *testing.F) {
	key := keys.NewEd25519(&[32]byte{1})
	site := identity.SitePublic{Name: "ward-3", Key: key.Public()}
	seed := []any{1, "ward-3", 3, 1, []any{[]any{-19, keys32(1), "bed-1", "gw-1", true, 1, 2, 3}}, []any{[]any{"station", keys32(9), []byte{}}}}
	payload, err := fxcbor.Marshal(seed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload, false)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		signed := data
		if !whole {
			var err error
			if signed, err = identity.SignRoster(key, data); err != nil {
				t.Fatal(err)
			}
		}
		roster, err := identity.ParseRoster(signed, site)
		if err != nil {
			return
		}
		again, err := identity.ResignRoster(roster, key)
		if err != nil || !slices.Equal(again, signed) {
			t.Errorf("%x is accepted and encodes as %x, %v", signed, again, err)
		}
	})
}

// What is accepted of an armoured file is the one encoding of its document.
func FuzzArmour(f *testing.F) {
	r := newRig(f)
	for i, file := range []string{"site.key", "gateways/gw-1/devices/bed-1.device", "gateways/gw-1/devices/mcu-1.new", "recipients/station/recipient.key", "recipients/station/receipt.key"} {
		text, err := os.ReadFile(r.path(file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), text)
	}
	f.Fuzz(func(t *testing.T, kind byte, text []byte) {
		name := identity.Kinds[int(kind)%len(identity.Kinds)]
		document, again, err := identity.Reread(name, text)
		if err != nil {
			return
		}
		twice, _, err := identity.Reread(name, again)
		if err != nil || !slices.Equal(twice, document) {
			t.Errorf("document %x is written as %q, which reads as %x, %v", document, again, twice, err)
		}
	})
}

// A receiver that was shown a roster with a revocation does not take the one
// from before it after a restart, whoever put it back.
func TestReceiverKeepsSerial(t *testing.T) {
	r := newRig(t)
	path := r.path("recipients/station/roster")
	old, err := os.ReadFile(path)
	r.must(err)
	r.receiver("station")
	r.must(r.site.RevokeDevice("bed-1", time.Now()))
	revoked, err := os.ReadFile(path)
	r.must(err)
	r.receiver("station") // sees it, and ends
	r.must(os.WriteFile(path, old, 0o644))
	_, err = identity.LoadReceiver(r.path("recipients/station"))
	wantError(t, err, identity.ErrOlderRoster)
	r.must(os.WriteFile(path, revoked, 0o644))
	r.receiver("station")
	seen := r.path("recipients/station/roster.seen")
	for _, damage := range []string{"", "x", "-1", "7 "} {
		r.must(os.WriteFile(seen, []byte(damage), 0o600))
		if _, err := identity.LoadReceiver(r.path("recipients/station")); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%q: %v", damage, err)
		}
	}
}
