package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

func siteShowCommand() command {
	return command{
		name: "site show", args: "DIR [-json]", summary: "show the roster of a site",
		about:   "Shows the roster of the site at DIR: its devices and its recipients.",
		example: "vitalseal site show site",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			asJSON := flags.Bool("json", false, "print a JSON object")
			return func(c *call) error {
				if err := c.want("site show", 1, 1); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				r := describe(site, time.Now())
				if *asJSON {
					return printJSON(c.stdout, r)
				}
				return r.print(c.stdout)
			}
		},
	}
}

// rosterView is a roster for people and for programs.
type rosterView struct {
	Site       string          `json:"site"`
	Public     string          `json:"public"` // the line of site.pub
	Serial     uint64          `json:"serial"`
	Issued     time.Time       `json:"issued"`
	Devices    []deviceView    `json:"devices"`
	Recipients []recipientView `json:"recipients"`
}

type deviceView struct {
	Name      string    `json:"name"`
	Gateway   string    `json:"gateway"`
	KeyID     string    `json:"key_id"`
	Algorithm string    `json:"algorithm"`
	PreShared bool      `json:"pre_shared"`
	Status    string    `json:"status"`
	Added     time.Time `json:"added"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Revoked   time.Time `json:"revoked,omitzero"`
}

type recipientView struct {
	Name      string `json:"name"`
	KeyID     string `json:"key_id"`
	Algorithm string `json:"algorithm"`
	Receipts  string `json:"receipts,omitempty"` // id of the key that it signs receipts with
}

func describe(site *identity.Site, now time.Time) rosterView {
	r := site.Roster()
	v := rosterView{
		Site: r.Site, Public: site.Public.String(), Serial: r.Serial, Issued: r.Issued,
		Devices: describeDevices(r, now), Recipients: []recipientView{},
	}
	for i := range r.Recipients {
		k := &r.Recipients[i]
		alg, kid := k.ID()
		view := recipientView{Name: k.Name, KeyID: kid.String(), Algorithm: algorithmName(alg)}
		if k.Sign != (keys.PublicKey{}) {
			view.Receipts = k.Sign.ID().String()
		}
		v.Recipients = append(v.Recipients, view)
	}
	return v
}

func describeDevices(r *identity.Roster, now time.Time) []deviceView {
	all := []deviceView{}
	for i := range r.Devices {
		d := &r.Devices[i]
		all = append(all, deviceView{
			Name: d.Name, Gateway: d.Gateway, KeyID: d.KeyID.String(), Algorithm: algorithmName(d.PublicKey.Algorithm()),
			PreShared: d.PreShared, Status: d.Status(now).String(), Added: d.Added, NotAfter: d.NotAfter, Revoked: d.Revoked,
		})
	}
	return all
}

func algorithmName(a keys.Algorithm) string {
	switch a {
	case keys.AlgEd25519:
		return "Ed25519"
	case keys.AlgESP256:
		return "ECDSA P-256"
	case keys.AlgChaCha20Poly1305:
		return "ChaCha20-Poly1305"
	case keys.AlgA256GCM:
		return "AES-256-GCM"
	case keys.AlgXWingKE:
		return "X-Wing"
	case keys.AlgHPKE4KE:
		return "X25519"
	}
	return fmt.Sprintf("algorithm %d", a)
}

func (v rosterView) print(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "site %s, roster %d of %s\n%s\n\n", v.Site, v.Serial, v.Issued.Format(time.RFC3339), v.Public); err != nil {
		return err
	}
	rows := append(deviceRows(v.Devices), nil, []string{"RECIPIENT", "KEY ID", "SEALED WITH", "SIGNS RECEIPTS WITH"})
	for _, r := range v.Recipients {
		rows = append(rows, []string{r.Name, r.KeyID, r.Algorithm, cmp.Or(r.Receipts, "none")})
	}
	if len(v.Recipients) == 0 {
		rows = append(rows, []string{"none: nobody can read what is sealed"})
	}
	return printTable(w, rows)
}

func deviceRows(devices []deviceView) [][]string {
	rows := [][]string{{"DEVICE", "KEY ID", "GATEWAY", "KEYS", "STATUS"}}
	for _, d := range devices {
		kind, status := d.Algorithm, d.Status
		if d.PreShared {
			kind += ", pre-shared"
		}
		if d.Name == d.Gateway {
			kind += ", of the gateway itself"
		}
		switch {
		case !d.Revoked.IsZero():
			status += " " + d.Revoked.Format(time.DateOnly)
		case !d.NotAfter.IsZero():
			status += " until " + d.NotAfter.Format(time.DateOnly)
		}
		rows = append(rows, []string{d.Name, d.KeyID, d.Gateway, kind, status})
	}
	if len(devices) == 0 {
		rows = append(rows, []string{"none"})
	}
	return rows
}

// printTable aligns columns; an empty row begins another table.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
