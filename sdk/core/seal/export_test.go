package seal

// For tests against other people's vectors, which have other contexts than ours.
var (
	AppendSigStructure = appendSigStructure
	AppendEncStart     = appendEncStart
)
