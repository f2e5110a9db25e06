package port

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// group names the group that owns the device, by default Debian's for serial
// ports.
func group(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return "dialout"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Gid == 0 { // root's own group is nobody's way in
		return "dialout"
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(st.Gid), 10))
	if err != nil {
		return "dialout"
	}
	return g.Name
}
