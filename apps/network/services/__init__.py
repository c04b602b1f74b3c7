"""The only writers of networks. One file per noun; what other apps call is named in docs/concepts/network.md."""
