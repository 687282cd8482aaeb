"""Names that the gateway and the processes it starts have to agree on. Imports nothing."""

#: Header that carries a cluster's dashboard secret.
SECRET_HEADER = "X-Boresight-Dashboard-Secret"  # noqa: S105 - the name of a header
#: Environment variable that names the file with the secret.
SECRET_FILE_VARIABLE = "BORESIGHT_DASHBOARD_SECRET_FILE"  # noqa: S105 - the name of a variable
#: Environment variable: seconds without a gateway after which a cluster ends.
ABSENCE_VARIABLE = "BORESIGHT_GATEWAY_ABSENCE_S"
#: Environment variables that mark a process of a cluster.
CLUSTER_MARK = "BORESIGHT_CLUSTER"
MEMBER_MARK = "BORESIGHT_CLUSTER_MEMBER"
