/// The unit of systemd under which the privileged process runs: every switch of systemd.exec(5) that leaves its operations
/// working, with the reason where one is missing. Paths and capabilities are those of the operations.
public enum SystemdUnit {
  /// - Parameters:
  ///   - program: absolute path of `safebox-system`.
  ///   - configurationPath: absolute path of its configuration.
  /// - Returns: nil for paths that a unit cannot hold.
  public static func text(
    program: String, configurationPath: String, configuration: SystemConfiguration
  ) -> String? {
    let socketParts = configuration.socket.split(separator: "/")
    guard SystemPath.isPlain(program), SystemPath.isPlain(configurationPath), SystemPath.isPlain(configuration.root),
      SystemPath.isPlain(configuration.socket), socketParts.count == 3, socketParts[0] == "run"
    else { return nil }
    let surfaces = Operation.allCases.map(\.surface)
    let capabilities = Capability.allCases.filter { one in surfaces.contains { $0.capabilities.contains(one) } }
    let outside = Place.allCases.filter { place in
      place.rawValue.hasPrefix("/") && surfaces.contains { $0.writes.contains(place) }
    }
    let writable = ([configuration.root] + outside.map(\.rawValue)).joined(separator: " ")
    let network = surfaces.contains { $0.network }
    return """
      # Written by `safebox-system unit`.
      [Unit]
      Description=Safebox: the privileged operations
      Documentation=man:safebox-system(1)
      After=network-online.target local-fs.target
      Wants=network-online.target

      [Service]
      Type=exec
      ExecStart=\(program) serve --configuration \(configurationPath)
      Restart=on-failure
      RestartSec=2
      # Operations under way finish; runners end with the service.
      KillMode=mixed
      TimeoutStopSec=120
      UMask=0077
      RuntimeDirectory=\(socketParts[1])
      RuntimeDirectoryMode=0755

      # What it may write. Everything else of the file system is read-only for it and its children.
      ProtectSystem=strict
      ReadWritePaths=\(writable)
      ProtectHome=yes
      PrivateTmp=yes

      # What it may be. Containers, snapshots and packages need these; nothing is gained after the start.
      User=root
      CapabilityBoundingSet=\(capabilities.map(\.rawValue).joined(separator: " "))
      AmbientCapabilities=
      NoNewPrivileges=yes
      KeyringMode=private

      # What of the kernel it may touch. Control groups stay writable: the limits of runners are set there.
      Delegate=yes
      ProtectKernelTunables=yes
      ProtectKernelModules=yes
      ProtectKernelLogs=yes
      ProtectClock=yes
      ProtectControlGroups=no
      DevicePolicy=closed
      LockPersonality=yes
      MemoryDenyWriteExecute=yes
      RestrictRealtime=yes
      SystemCallArchitectures=native
      SystemCallErrorNumber=EPERM
      SystemCallFilter=@system-service @mount bpf mknod mknodat sethostname
      SystemCallFilter=~@clock @cpu-emulation @debug @module @obsolete @raw-io @reboot @swap
      # Namespaces of containers; none for time.
      RestrictNamespaces=cgroup ipc mnt net pid user uts
      # Netlink brings up the loopback inside a container.
      RestrictAddressFamilies=AF_UNIX AF_NETLINK\(network ? " AF_INET AF_INET6" : "")
      # Not set: ProtectHostname (a container has a name of its own), PrivateDevices (a container's /dev is made here),
      # RestrictSUIDSGID (packages contain such files), ProtectProc (the state of containers is read there).

      [Install]
      WantedBy=multi-user.target

      """
  }
}
