import java.util.List;
import java.util.Set;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.factories.ModelProviderFactory;
import org.apache.flink.table.functions.PredictFunction;
import org.apache.flink.table.ml.ModelProvider;
import org.apache.flink.table.ml.PredictRuntimeProvider;
import org.apache.flink.table.types.logical.LogicalType;

/**
 * A stand-in for a model, provider {@code 'constant'}: it scores every row alike (1, true, "label").
 *
 * <p>With it in the place of {@code 'onnx'}, Flink plans and runs a whole exported script, so that
 * what stands behind ML_PREDICT is checked too. Every input is read as the type that CREATE MODEL
 * declares, for Flink does not coerce: an INT column handed to a DOUBLE input fails here as it
 * would in a real provider.
 */
public final class ConstantModel implements ModelProviderFactory {
    @Override
    public String factoryIdentifier() {
        return "constant";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of();
    }

    @Override
    public ModelProvider createModelProvider(Context context) {
        return new Provider(
                types(context.getCatalogModel().getResolvedInputSchema()),
                types(context.getCatalogModel().getResolvedOutputSchema()));
    }

    private static List<LogicalType> types(org.apache.flink.table.catalog.ResolvedSchema schema) {
        return schema.getColumnDataTypes().stream().map(type -> type.getLogicalType()).toList();
    }

    private record Provider(List<LogicalType> inputs, List<LogicalType> outputs)
            implements PredictRuntimeProvider {
        @Override
        public PredictFunction createPredictFunction(Context context) {
            return new Constant(inputs, outputs);
        }

        @Override
        public ModelProvider copy() {
            return this;
        }
    }

    /** Scores every row alike. */
    public static final class Constant extends PredictFunction {
        private final List<LogicalType> inputs;
        private final List<LogicalType> outputs;

        Constant(List<LogicalType> inputs, List<LogicalType> outputs) {
            this.inputs = inputs;
            this.outputs = outputs;
        }

        @Override
        public List<RowData> predict(RowData row) {
            for (int i = 0; i < inputs.size(); i++) {
                RowData.createFieldGetter(inputs.get(i), i).getFieldOrNull(row);
            }
            GenericRowData scores = new GenericRowData(outputs.size());
            for (int i = 0; i < outputs.size(); i++) {
                scores.setField(i, constant(outputs.get(i)));
            }
            return List.of(scores);
        }

        private static Object constant(LogicalType type) {
            return switch (type.getTypeRoot()) {
                case DOUBLE -> 1.0;
                case FLOAT -> 1.0f;
                case BIGINT -> 1L;
                case INTEGER -> 1;
                case BOOLEAN -> true;
                case CHAR, VARCHAR -> StringData.fromString("label");
                default -> throw new IllegalArgumentException("no constant of type " + type);
            };
        }
    }
}
